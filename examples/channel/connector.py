#!/usr/bin/env python3
"""Connects a channel of one's own to Baton, with nothing but Python: what people say there goes in as events, and what
any app or the desk answers comes out as echoes. Here the channel is a line of HTTP on each side:

    in:   POST /said     {"person": "ada", "text": "hello", "id": "a-unique-id"}     called by the channel
    out:  POST $DELIVER  {"person": "ada", "text": "…", "id": "m_…"}                 called for each answer

To Baton it is an app like any other (routing.toml has it), which answers nobody and hears everybody's answers:

    BATON=http://127.0.0.1:4300 OPERATOR_TOKEN=… PAGE=2001 SECRET=channel-secret VERIFY=channel-verify \
    DELIVER=http://127.0.0.1:9000/ PORT=5003 python3 connector.py
"""

import hashlib
import hmac
import json
import os
import urllib.error
import urllib.request
from collections import OrderedDict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

NEEDED = ("BATON", "OPERATOR_TOKEN", "PAGE", "SECRET", "VERIFY", "DELIVER")
BATON, OPERATOR_TOKEN, PAGE, SECRET, VERIFY, DELIVER = (os.environ[name] for name in NEEDED)

# A webhook may come twice: it is delivered at least once, with the same id. The last ones are remembered; a channel
# with a database remembers them there.
delivered = OrderedDict()


def post(url, body, headers=None):
    headers = {"Content-Type": "application/json", **(headers or {})}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read()


def said(person, text, unique):
    """A person said something. With the channel's own id it counts once, however often the channel repeats it."""
    event = {"type": "message", "message": {"text": text}, "event_id": unique}
    url = f"{BATON}/baton/v1/pages/{PAGE}/people/{person}/events"
    return json.loads(post(url, event, {"Authorization": f"Bearer {OPERATOR_TOKEN}"}))


def answered(event):
    """An app or the desk said something: in `messaging` or `standby`, whoever has control."""
    message = event.get("message", {})
    if not message.get("is_echo") or message["mid"] in delivered:
        return
    post(DELIVER, {"person": event["recipient"]["id"], "text": message.get("text", ""), "id": message["mid"]})
    delivered[message["mid"]] = True
    while len(delivered) > 10_000:
        delivered.popitem(last=False)


class Server(BaseHTTPRequestHandler):
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
        try:
            if self.path == "/said":
                told = json.loads(body)
                return self.answer(200, json.dumps(said(told["person"], told["text"], told["id"])["thread"]))
            signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
            if not hmac.compare_digest(signature, self.headers.get("X-Hub-Signature-256", "")):
                return self.answer(403)
            for entry in json.loads(body)["entry"]:
                for event in entry.get("messaging", []) + entry.get("standby", []):
                    answered(event)
            self.answer(200)
        except urllib.error.HTTPError as refused:
            self.answer(refused.code, refused.read().decode())
        except OSError as away:
            # Whoever called tries again: the channel with the same id, Baton until it is taken.
            self.answer(503, str(away))

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "5003"))), Server)
    print(f"connector listens at http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
