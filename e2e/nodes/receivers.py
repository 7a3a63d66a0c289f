"""The apps: each answers the handshake, takes down every body with the node that sent it, and answers 200."""

import http.server
import json
import os
import pathlib
import threading
import time
import urllib.parse

from wires import node_of


class Receiver(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, app, ledger, nodes, wires):
        super().__init__((wires.listen, 0), ReceiverHandler)
        self.app, self.ledger, self.nodes = app, ledger, nodes
        self.url = f"http://{wires.receivers}:{self.server_port}/webhook"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """Connections break when a node is killed: nothing to say."""

    def sender(self, address, port):
        """Whose connection it is: by the cable that it came over, else by the socket that a node's process has open."""
        if (number := node_of(address)) is not None:
            return number
        wanted = f"0100007F:{port:04X}"
        for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[1] == wanted:
                name = f"socket:[{fields[9]}]"
                for node in self.nodes:
                    if node.process and has_open(node.process.pid, name):
                        return node.number
        return None


def has_open(process, name):
    try:
        return any(os.readlink(one.path) == name for one in os.scandir(f"/proc/{process}/fd"))
    except OSError:
        return False


class ReceiverHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    node = None

    def do_GET(self):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        self.answer(query.get("hub.challenge", ""))

    def do_POST(self):
        if self.node is None:
            self.node = self.server.sender(*self.client_address)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.ledger.arrived(self.server.app, body, self.node, time.monotonic())
        self.answer("")

    def answer(self, text):
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass
