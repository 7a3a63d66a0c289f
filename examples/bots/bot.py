#!/usr/bin/env python3
"""A whole bot for the Messenger Platform in one file, with nothing but Python: it checks the signature, answers, and
hands the conversation over when somebody asks for a person. For the real platform, only GRAPH changes.

    GRAPH=http://127.0.0.1:4300 TOKEN=EAA-bot SECRET=bot-secret VERIFY=bot-verify PORT=5001 python3 bot.py

Control goes to the app that TARGET names; in Conversation Routing it may be left out, and means the default app.
"""

import hashlib
import hmac
import json
import os
import urllib.request
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

GRAPH, TOKEN, SECRET, VERIFY = (os.environ[name] for name in ("GRAPH", "TOKEN", "SECRET", "VERIFY"))
TARGET = os.environ.get("TARGET")
heard = deque(maxlen=1000)  # The platform delivers at least once: what comes again is not answered again.


def call(edge, body):
    """Asks the Graph API; what it refuses is printed, and no reason to fail the webhook."""
    url = f"{GRAPH}/v21.0/me/{edge}?access_token={TOKEN}"
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refused:
        print(edge, "refused:", json.load(refused)["error"]["message"], flush=True)


def hear(event):
    """What is in `messaging` is for us to answer. (What is in `standby` is not: another app has control.)"""
    message = event.get("message", {})
    if "text" not in message or message.get("is_echo"):
        return  # Not every event is of a person: `app_roles`, for one, is of the page.
    if message["mid"] in heard:
        return
    heard.append(message["mid"])
    person = event["sender"]["id"]
    if "person" in message["text"].lower():
        call("messages", {"recipient": {"id": person}, "message": {"text": "One moment, a colleague will answer."}})
        target = {"target_app_id": TARGET} if TARGET else {}
        call("pass_thread_control", {"recipient": {"id": person}, "metadata": "asks for a person", **target})
    else:
        call("messages", {"recipient": {"id": person}, "message": {"text": f"You said: {message['text']}"}})


class Webhook(BaseHTTPRequestHandler):
    def answer(self, status, text=""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def do_GET(self):
        asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        known = asked.get("hub.verify_token") == VERIFY
        self.answer(200 if known else 403, asked.get("hub.challenge", "") if known else "")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(signature, self.headers.get("X-Hub-Signature-256", "")):
            return self.answer(403)
        for entry in json.loads(body)["entry"]:
            for event in entry.get("messaging", []):
                hear(event)
        self.answer(200)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "5001"))), Webhook)
    print(f"bot listens at http://127.0.0.1:{server.server_port}/webhook", flush=True)
    server.serve_forever()
