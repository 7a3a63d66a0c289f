"""The real program, started by a test on a data directory of its own, and a receiver of webhooks, for clients in Python.

What `baton.mjs` and `receiver.mjs` are for JavaScript.
"""

import base64
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import queue
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[3]
START_S = 30
STOP_S = 10
PATIENCE_S = 20

# The bots talk to this machine only.
for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]:
    os.environ.pop(name, None)
    os.environ.pop(name.lower(), None)


def program():
    """`$BATON_BIN`, else what the makefile built."""
    built = [ROOT / "target" / profile / "baton" for profile in ["release", "debug"]]
    found = os.environ.get("BATON_BIN") or next((str(path) for path in built if path.exists()), None)
    if not found:
        raise RuntimeError("no program: build it with `make release`, or set BATON_BIN")
    return os.path.abspath(found)


def free_port():
    """A port that was free a moment ago."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


# Where a server of PostgreSQL is, `host:port`, when the stories are to be told on it (`e2e/on_postgres.py`).
POSTGRES = os.environ.get("E2E_POSTGRES")


def served_on_postgres():
    """The settings of a `baton serve` with a database of its own."""
    host, _, port = POSTGRES.partition(":")
    name = f"story_{secrets.token_hex(8)}"
    subprocess.run(["createdb", "-h", host, "-p", port, "-U", "baton", name], check=True)
    return {
        "BATON_DATABASE": f"postgres://baton@{POSTGRES}/{name}?sslmode=disable",
        "BATON_DELIVERY__ALLOW_ADDRESSES": "127.0.0.0/8",
    }


class Baton:
    """`baton dev` with a routing file, as an operator starts it; on PostgreSQL `baton serve`, and the file applied."""

    def __init__(self, routing):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="baton-story-"))
        self.origin = f"http://127.0.0.1:{free_port()}"
        self.token = f"operator-{secrets.token_hex(16)}"
        (self.folder / "routing.toml").write_text(routing, encoding="utf-8")
        self.log = open(self.folder / "log", "w+b")
        file = self.folder / "routing.toml"
        words = ["serve"] if POSTGRES else ["dev", "-f", file, "--no-demo"]
        words += ["--data", self.folder / "data", "--listen", self.origin.removeprefix("http://")]
        environment = {**os.environ, "BATON_OPERATOR_TOKEN": self.token, "NO_COLOR": "1"}
        environment |= {"BATON_SERVER": self.origin, **(served_on_postgres() if POSTGRES else {})}
        self.process = subprocess.Popen([program(), *words], env=environment, stdout=self.log, stderr=self.log)
        try:
            self.ready()
            if POSTGRES:
                applied = [program(), "apply", "-f", file]
                subprocess.run(applied, env=environment, check=True, stdout=self.log, stderr=self.log)
        except BaseException:
            self.kill()
            raise

    def ready(self):
        """Looks until it has said where it is, which it does when the routing file is applied, and is ready."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.process.poll() is None:
            if (self.folder / "data" / "server.json").exists():
                try:
                    with urllib.request.urlopen(f"{self.origin}/readyz") as answer:
                        if answer.status == 200:
                            return
                except OSError:
                    pass
            time.sleep(0.01)
        raise RuntimeError(f"baton did not become ready:\n{self.output()}")

    def output(self):
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def stop(self):
        """Stops it as an operator does; it must end by itself, in time, without an error."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(STOP_S)
        output = self.output()
        self.kill()
        if code != 0:
            raise RuntimeError(f"baton did not stop well ({code}):\n{output}")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def api(self, method, call, body=None):
        """One call of Baton's own API; the answer's JSON."""
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.origin}/baton/v1{call}", data, headers, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def does(self, page, person, kind, content, **more):
        """A person does something; the receipt."""
        event = {"type": kind, kind: content, **more}
        return self.api("POST", f"/pages/{page}/people/{person}/events", event)

    def says(self, page, person, text):
        return self.does(page, person, "message", {"text": text})

    def rules(self, page, person):
        """The rules that changed or lost control, oldest first."""
        history = self.api("GET", f"/pages/{page}/threads/{person}/history")["data"]
        return [entry["rule"] for entry in reversed(history) if entry["refused"] is None]


class Receiver:
    """An app's webhook address: checks what the platform promises of every request, and keeps the events in order."""

    def __init__(self, name, app_id):
        self.name, self.id = name, app_id
        self.secret, self.verify_token, self.token = f"secret of {name}", f"verify-{app_id}", f"EAA{app_id}"
        self.unread = queue.Queue()
        self.role = None
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
                right = asked.get("hub.mode") == "subscribe" and asked.get("hub.verify_token") == receiver.verify_token
                self.answer(200 if right else 403, asked.get("hub.challenge", "") if right else "")

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                try:
                    receiver.unread.put(receiver.checked(self.headers, body))
                    self.answer(200, "EVENT_RECEIVED")
                except Exception as fault:  # It is the story that must fail, and not this thread.
                    receiver.unread.put(fault)
                    self.answer(500, "")

            def answer(self, status, text):
                self.send_response(status)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def checked(self, headers, body):
        """The body's JSON, when both of the platform's signatures and that of Standard Webhooks are right."""
        key = self.secret.encode()
        for header, algorithm in [("x-hub-signature", "sha1"), ("x-hub-signature-256", "sha256")]:
            expected = f"{algorithm}={hmac.new(key, body, algorithm).hexdigest()}"
            assert headers.get(header) == expected, f"{self.name}: {header} is {headers.get(header)}, not {expected}"
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == expected, f"{self.name}: webhook-signature"
        assert body.isascii(), f"{self.name}: the body is not ASCII"
        payload = json.loads(body)
        assert payload["object"] in ["page", "instagram"] and len(payload["entry"]) == 1, payload
        return payload

    def app(self):
        """Its part of a routing file."""
        return (
            f'\n[[apps]]\nid = "{self.id}"\nname = "{self.name}"\nsecret = "{self.secret}"\n'
            f'webhook_url = "http://127.0.0.1:{self.server.server_port}/webhook"\nverify_token = "{self.verify_token}"\n'
        )

    def connection(self, more=""):
        """Its connection, as a table of the page that stands before it."""
        fields = [
            "messages", "messaging_postbacks", "messaging_referrals", "messaging_handovers", "standby",
            "message_echoes", "message_reads", "message_deliveries", "messaging_account_linking",
        ]
        return f'\n[[pages.connections]]\napp = "{self.name}"\ntoken = "{self.token}"\nfields = {json.dumps(fields)}\n{more}'

    def payload(self):
        """The next webhook of a conversation, at once if it is there, else when it comes. What the app is told of the
        page itself stands in no order with it, and is kept aside."""
        while True:
            payload = self.unread.get(timeout=PATIENCE_S)
            if isinstance(payload, Exception):
                raise payload
            event = (payload["entry"][0].get("messaging") or [{}])[0]
            if "app_roles" not in event:
                return payload
            self.role = event["app_roles"][self.id]

    def hears(self, channel, kind):
        """The next webhook must be this; its event."""
        entry = self.payload()["entry"][0]
        assert channel in entry, f"{self.name}: not in {channel}: {entry}"
        event = entry[channel][0]
        key = next(key for key in event if key not in ["sender", "recipient", "timestamp"])
        found = "echo" if key == "message" and event["message"].get("is_echo") else key
        assert found == kind, f"{self.name}: {found} and not {kind}: {event}"
        return event

    def assert_quiet(self):
        assert self.unread.empty(), f"{self.name} heard more than it should: {self.unread.get()}"
