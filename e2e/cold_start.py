"""How large the program is, how long it takes from exec with an empty database to the first message at an app's receiver,
and how much memory it has when it rests after that."""

import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from programs import free_port
from receiving import Receiver

PROGRAM = pathlib.Path(os.environ.get("BATON_BIN", "target/release/baton"))
RUNS = 9
PATIENCE_SECONDS = 20
REST_SECONDS = 5
TOKEN = "cold-start-operator-token"
SETTINGS = """
[[apps]]
name = "Bot"
secret = "s"
verify_token = "v"
webhook_url = "{url}"

[[pages]]
id = "2001"
name = "Page"
messenger.default_app = "Bot"
connections = [{{ app = "Bot" }}]
"""
EVENT = json.dumps({"type": "message", "message": {"text": "the first"}}).encode()


class FirstMessage(Receiver):
    """Says when the message came."""

    def __init__(self):
        self.came = threading.Event()
        super().__init__("v")

    def heard(self, body, connection):
        if b"the first" in body:
            self.came.set()


def asked(port, request):
    """The status of the answer; none where nobody listens yet."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as connection:
            connection.sendall(request)
            return connection.recv(64).split(b" ")[1:2]
    except OSError:
        return None


def memory(process):
    """What it has now: all that is resident, and what of it is its own and no page of a file. MiB."""
    lines = pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines()
    sizes = dict(line.split(":") for line in lines)
    return [int(sizes[name].split()[0]) / 1024 for name in ("VmRSS", "RssAnon")]


def cold_start(receiver, rests=False):
    """Milliseconds of one start until it is ready, and until the first message came; what it has in memory after a rest."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="baton-cold-start-"))
    settings = folder / "routing.toml"
    settings.write_text(SETTINGS.format(url=receiver.url))
    port = free_port()
    command = [PROGRAM, "dev", "-f", settings, "--data", folder / "data", "--listen", f"127.0.0.1:{port}"]
    ready = "GET /readyz HTTP/1.1\r\nHost: baton\r\nConnection: close\r\n\r\n".encode()
    event = (
        "POST /baton/v1/pages/2001/people/first/events HTTP/1.1\r\nHost: baton\r\nConnection: close\r\n"
        f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\nContent-Length: {len(EVENT)}\r\n\r\n"
    ).encode() + EVENT
    receiver.came.clear()
    environment = {**os.environ, "BATON_OPERATOR_TOKEN": TOKEN}
    began = time.perf_counter()
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while asked(port, ready) != [b"200"]:
            if process.poll() is not None or time.perf_counter() - began > PATIENCE_SECONDS:
                sys.exit(f"{PROGRAM} did not become ready")
        is_ready = time.perf_counter() - began
        status = asked(port, event)
        if status != [b"200"] or not receiver.came.wait(PATIENCE_SECONDS):
            sys.exit(f"the first message was answered with {status}, and did not come")
        has_come = time.perf_counter() - began
        if rests:
            time.sleep(REST_SECONDS)
        return is_ready * 1000, has_come * 1000, memory(process)
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    receiver = FirstMessage()
    starts = [cold_start(receiver, rests=run == RUNS - 1) for run in range(RUNS)]
    ready, came = (sorted(one[which] for one in starts) for which in (0, 1))
    resident, own = starts[-1][2]
    print(f"release program: {PROGRAM.stat().st_size / 1024 / 1024:.1f} MiB")
    print(
        f"cold start with an empty database, from exec: {statistics.median(ready):.0f} ms to the first 200 of /readyz, "
        f"{statistics.median(came):.0f} ms to the first message at a receiver "
        f"(median of {RUNS}, {came[0]:.0f} to {came[-1]:.0f})"
    )
    print(f"memory at rest: {resident:.0f} MiB resident, of which {own:.0f} MiB are its own and no pages of files")


if __name__ == "__main__":
    main()
