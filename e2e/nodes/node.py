"""A node: a `baton serve`, started, asked, hurt and started again."""

import http.client
import json
import os
import pathlib
import signal
import subprocess
import time

from programs import free_port

TOKEN = "operator-of-the-nodes"
LEASE = 4.0


class Broken(Exception):
    """A node did not start, or answered what it never should."""


class Node:
    def __init__(self, number, program, folder, wires, servers, user="baton"):
        self.number, self.program, self.wires, self.user = number, program, wires, user
        # Both servers, whichever of them writes.
        self.database = ",".join(f"{wires.database}:{server.port}" for server in servers)
        self.data = folder / f"node-{number}"
        self.log = open(folder / f"node-{number}.log", "ab")
        self.port = free_port()
        self.process = None
        # Of the environment, what is this node's alone.
        self.more = {}

    @property
    def url(self):
        return f"http://{self.wires.address}:{self.port}"

    def start(self):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("BATON_")}
        environment |= {
            "BATON_DATABASE": f"postgres://{self.user}@{self.database}/baton?sslmode=disable",
            "BATON_OPERATOR_TOKEN": TOKEN,
            "BATON_NODE": f"node-{self.number}",
            "BATON_LEASE": f"{int(LEASE)}s",
            "BATON_DELIVERY__ALLOW_ADDRESSES": self.wires.receivers_network,
        } | self.more
        command = [*self.wires.words, self.program, "serve", "--data", self.data]
        command += ["--listen", f"{self.wires.address}:{self.port}"]
        self.process = subprocess.Popen(
            [*map(str, command)], env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise Broken(f"node {self.number} ended with {self.process.returncode}")
            if self.is_ready():
                return
            time.sleep(0.02)
        raise Broken(f"node {self.number} was not ready after 30 s")

    def is_ready(self):
        try:
            return self.ask("GET", "/readyz", timeout=2)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def ask(self, method, path, body=None, timeout=15):
        """A status and what was answered."""
        connection = http.client.HTTPConnection(self.wires.address, self.port, timeout=timeout)
        try:
            headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            said = answer.read()
            return answer.status, json.loads(said) if said[:1] in (b"{", b"[") else said
        finally:
            connection.close()

    def all_of(self, path):
        """A whole list of Baton's own API, part by part."""
        found, more = [], ""
        while more is not None:
            status, said = self.ask("GET", f"{path}?limit=100{more}")
            if status != 200:
                raise Broken(f"{path} was answered with {status}: {said}")
            found += said["data"]
            more = f"&after={said['next']}" if said.get("next") else None
        return found

    def said(self):
        """Its log, of all its starts."""
        return pathlib.Path(self.log.name).read_text(errors="replace")

    def signal(self, what):
        self.process.send_signal(what)
        if what == signal.SIGKILL:
            self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
        self.log.close()
        self.wires.close()
