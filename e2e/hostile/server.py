"""The program under test, as a stranger meets it: started, asked, sent whatever bytes, and its memory watched."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import resource
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))

from programs import free_port, program_of

OPERATOR_TOKEN = "operator-of-the-hostile-run"
PAGE, PAGE_TOKEN = "2001", "EAA-of-the-bot"
START_SECONDS = 30
MIB = 1024 * 1024
ROUTING = f"""
[[apps]]
id = "700000000000001"
name = "Bot"
secret = "of-the-bot"

[[pages]]
id = "{PAGE}"
name = "Shop"
messenger.default_app = "Bot"
connections = [{{ app = "Bot", token = "{PAGE_TOKEN}" }}]
"""


class Server:
    """`baton serve` with one page. `settings` are those of its environment."""

    def __init__(self, **settings):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="baton-hostile-"))
        self.port = free_port()
        self.log = open(self.folder / "baton.log", "wb")
        program = program_of(os.environ.get("BATON_BIN"))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("BATON_")}
        environment |= {"BATON_OPERATOR_TOKEN": OPERATOR_TOKEN, "BATON_LOG__LEVEL": "warn", **settings}
        self.process = subprocess.Popen(
            [program, "serve", "--data", self.folder / "data", "--listen", f"127.0.0.1:{self.port}"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.log,
        )
        self.wait_until_ready()
        status, answer = self.ask("PUT", "/baton/v1/routing", ROUTING, OPERATOR_TOKEN, "application/toml")
        if status != 200:
            raise RuntimeError(f"the routing was answered with {status}: {answer}")

    def wait_until_ready(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"baton ended with {self.process.returncode}:\n{self.said()}")
            with contextlib.suppress(OSError):
                if self.ask("GET", "/readyz")[0] == 200:
                    return
            time.sleep(0.02)
        raise RuntimeError(f"baton was not ready after {START_SECONDS} s:\n{self.said()}")

    def ask(self, method, path, body=None, token=None, kind="application/json"):
        """An ordinary call, on a connection of its own: the status and the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {"Content-Type": kind} | ({"Authorization": f"Bearer {token}"} if token else {})
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def says(self, person, text):
        """A person's message, which must be decided and made durable."""
        event = json.dumps({"type": "message", "message": {"text": text}})
        return self.ask("POST", f"/baton/v1/pages/{PAGE}/people/{person}/events", event, OPERATOR_TOKEN)

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        connection.setblocking(False)
        return connection

    def send(self, head, body=(), seconds=60):
        """Sends a head and the pieces of a body, as fast as they are taken, and stops when it is answered. The status (none:
        the connection was closed without an answer) and how many bytes were sent."""
        deadline = time.monotonic() + seconds
        left, pieces, sent, answer = memoryview(head), iter(body), 0, b""
        with self.connect() as connection:
            while (status := status_of(answer)) is None:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"no answer within {seconds} s, after {sent} bytes")
                if not left and pieces is not None and (piece := next(pieces, None)) is not None:
                    left = memoryview(piece)
                elif not left:
                    pieces = None
                readable, writable, _ = select.select([connection], [connection] if left else [], [], 1)
                try:
                    if writable:
                        count = connection.send(left)
                        left, sent = left[count:], sent + count
                    if readable:
                        if not (came := connection.recv(65536)):
                            return None, sent
                        answer += came
                except BlockingIOError:
                    continue
                except ConnectionError:
                    return None, sent
            return status, sent

    def memory(self):
        """Its memory in MiB."""
        return self.figure("VmRSS")

    def peak(self):
        """The most that it had since `forget_peak`."""
        return self.figure("VmHWM")

    def forget_peak(self):
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def figure(self, name):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)[1]) / 1024

    def open_files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def said(self):
        return (self.folder / "baton.log").read_text(errors="replace")[-3000:]

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def status_of(answer):
    """The status of an answer as far as it has come; none: not yet. A 100 is none."""
    found = re.match(rb"HTTP/1\.1 (\d+) [^\r]*\r\n(?s:.*?)\r\n\r\n", answer)
    if found and found[1] == b"100":
        return status_of(answer[found.end() :])
    return int(found[1]) if found else None


def head_of(path, kind, token=None, length=None, method="POST"):
    """The head of a request; without a length its body comes in chunks."""
    lines = [f"{method} {path} HTTP/1.1", "Host: baton", f"Content-Type: {kind}"]
    lines += [f"Authorization: Bearer {token}"] if token else []
    lines += ["Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}", "", ""]
    return "\r\n".join(lines).encode()


def allow_open_files(count):
    """For this program and those that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        most = count if hard == resource.RLIM_INFINITY else min(count, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        if most < count:
            raise RuntimeError(f"{count} open files are needed, and at most {hard} are allowed here")
