"""How nodes reach the database and the receivers: over this machine's own loopback, or each by cables of its own, in
a network namespace, which can be pulled one by one."""

import os
import pathlib
import subprocess
import sys
import time

# What a node has a cable for. Number I of node N is the network 10.(82 + I).N.0/30; here is .1, the node .2.
CABLES = ["clients", "database", "receivers"]
# Where receivers are, by the cable that is theirs.
RECEIVERS = "10.81.0.1"
INSIDE = "BATON_NODES_INSIDE"


class Loopback:
    """Everything is at 127.0.0.1, and nothing can be pulled."""

    listen = receivers = "127.0.0.1"
    receivers_network = "127.0.0.0/8"

    def __init__(self, number):
        self.address = self.database = "127.0.0.1"
        self.words = []

    def close(self):
        pass


class Cables:
    """A network namespace of a node's own, held by a program that waits for the end of its input."""

    listen, receivers, receivers_network = "0.0.0.0", RECEIVERS, f"{RECEIVERS}/32"

    def __init__(self, number):
        self.number = number
        self.holder = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE)
        self.there = f"/proc/{self.holder.pid}/ns/net"
        deadline = time.monotonic() + 10
        while os.readlink(self.there) == os.readlink("/proc/self/ns/net"):
            if time.monotonic() > deadline:
                raise SystemExit("no network namespace was made within 10 s")
            time.sleep(0.01)
        self.words = ["nsenter", f"--net={self.there}", "--"]
        for index, cable in enumerate(CABLES):
            here, there = (f"10.{82 + index}.{number}.{end}/30" for end in (1, 2))
            ip("link", "add", self.end_of(cable), "type", "veth", "peer", "name", cable, "netns", self.holder.pid)
            ip("address", "add", here, "dev", self.end_of(cable))
            ip("link", "set", self.end_of(cable), "up")
            ip("address", "add", there, "dev", cable, inside=self.words)
            ip("link", "set", cable, "up", inside=self.words)
        ip("route", "add", RECEIVERS, "via", f"10.84.{number}.1", inside=self.words)
        self.address, self.database = f"10.82.{number}.2", f"10.83.{number}.1"

    def end_of(self, cable):
        return f"{cable}-{self.number}"

    def pull(self, cable):
        ip("link", "set", self.end_of(cable), "down")

    def plug_in(self, cable):
        ip("link", "set", self.end_of(cable), "up")

    def close(self):
        self.holder.stdin.close()
        self.holder.wait()


def ip(*words, inside=()):
    subprocess.run([*inside, "ip", *map(str, words)], check=True, stdin=subprocess.DEVNULL)


def node_of(address):
    """Whose end of a cable an address is; None: it says nothing."""
    parts = address.split(".")
    return int(parts[2]) if parts[:2] == ["10", "84"] else None


def go_inside():
    """Begins this program again in a network namespace, where cables and addresses are nobody else's. Returns why it cannot,
    and nothing inside."""
    if os.environ.get(INSIDE):
        ip("link", "set", "lo", "up")
        ip("address", "add", f"{RECEIVERS}/32", "dev", "lo")
        return None
    # PostgreSQL refuses root, also one who is it only inside.
    user = [] if os.geteuid() == 0 else ["--user", "--map-current-user", "--keep-caps"]
    words = ["unshare", "--net", *user, "--"]
    try:
        tried = subprocess.run([*words, "ip", "link", "set", "lo", "up"], capture_output=True, text=True)
    except OSError as error:
        return str(error)
    if tried.returncode:
        return tried.stderr.strip()
    program = [sys.executable, str(pathlib.Path(sys.argv[0]).resolve()), *sys.argv[1:]]
    os.execvpe(words[0], [*words, *program], {**os.environ, INSIDE: "yes"})
