"""An app's receiver of webhooks, for runs that are one program: answers the handshake, hears every body, answers 200
unless a run has one that does otherwise."""

import http.server
import threading
import urllib.parse


class Receiver(http.server.ThreadingHTTPServer):
    """Listens from the start, so what `heard` needs is there before this is called."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, verify_token, listen="127.0.0.1", reached_at="127.0.0.1"):
        self.verify_token = verify_token
        super().__init__((listen, 0), Connection)
        self.url = f"http://{reached_at}:{self.server_port}/webhook"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def heard(self, body, connection):
        """Takes down a body, before it is answered."""
        raise NotImplementedError

    def take(self, body, connection):
        """Hears a body, and answers."""
        self.heard(body, connection)
        connection.answer(200, "")

    def handle_error(self, request, client_address):
        """Connections break when the program is killed: nothing to say."""


class Connection(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # Who sends by it, where the receiver finds that out.
    sender = None

    def do_GET(self):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        right = query.get("hub.verify_token") == self.server.verify_token
        self.answer(200 if right else 403, query.get("hub.challenge", "") if right else "")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.take(body, self)

    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass
