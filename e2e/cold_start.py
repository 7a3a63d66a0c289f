"""How large the program is, and how long it takes from exec to the first 200 of /readyz with an empty database."""

import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

PROGRAM = pathlib.Path(os.environ.get("BATON_BIN", "target/release/baton"))
RUNS = 9
PATIENCE_SECONDS = 20
REQUEST = b"GET /readyz HTTP/1.1\r\nHost: baton\r\nConnection: close\r\n\r\n"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def is_ready(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as connection:
            connection.sendall(REQUEST)
            return connection.recv(64).split(b" ")[1:2] == [b"200"]
    except OSError:
        return False


def cold_start():
    """Milliseconds of one start."""
    folder = tempfile.mkdtemp(prefix="baton-cold-start-")
    port = free_port()
    command = [PROGRAM, "dev", "--no-demo", "--data", os.path.join(folder, "data"), "--listen", f"127.0.0.1:{port}"]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not is_ready(port):
            if process.poll() is not None or time.perf_counter() - began > PATIENCE_SECONDS:
                sys.exit(f"{PROGRAM} did not become ready")
        return (time.perf_counter() - began) * 1000
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    times = sorted(cold_start() for _ in range(RUNS))
    print(f"release program: {PROGRAM.stat().st_size / 1024 / 1024:.1f} MiB")
    print(
        f"cold start with an empty database: {statistics.median(times):.0f} ms"
        f" (median of {RUNS}, {times[0]:.0f} to {times[-1]:.0f}), from exec to the first 200 of /readyz"
    )


if __name__ == "__main__":
    main()
