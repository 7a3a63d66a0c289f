"""The apps: each takes down every body with the node that sent it."""

import json
import os
import pathlib
import time

from receiving import Receiver
from wires import node_of

VERIFY_TOKEN = "verify"


class Witness(Receiver):
    def __init__(self, app, ledger, nodes, wires):
        self.app, self.ledger, self.nodes = app, ledger, nodes
        super().__init__(VERIFY_TOKEN, wires.listen, wires.receivers)

    def heard(self, body, connection):
        if connection.sender is None:
            connection.sender = self.sender_of(*connection.client_address)
        self.ledger.arrived(self.app, json.loads(body), connection.sender, time.monotonic())

    def sender_of(self, address, port):
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
