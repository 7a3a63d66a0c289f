"""Holds the program against its own description: schemathesis asks it everything that the description allows, and much
that it forbids, and compares the answers with what is described. Each part has a program of its own, without a disk."""

import argparse
import os
import pathlib
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM = pathlib.Path(os.environ.get("BATON_BIN", HERE.parent.parent / "target/debug/baton")).resolve()
PATIENCE_SECONDS = 30
# The same events as one by one: once is enough where time is short.
TWICE = ["addEvents", "dryRun"]
PARTS = {
    # Conversations on settings that stay.
    "conversations": ["--exclude-tag", "Settings", "--phases", "examples,coverage,fuzzing"],
    # Settings, which come and go.
    "settings": ["--include-tag", "Settings", "--phases", "examples,coverage,fuzzing"],
    # One call after another, by the links of the description.
    "sequences": ["--phases", "stateful"],
}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Baton:
    """The program, on settings of its own, keeping nothing."""

    def __init__(self, folder):
        self.url = f"http://127.0.0.1:{free_port()}"
        self.token = f"operator-{secrets.token_hex(16)}"
        self.log = open(pathlib.Path(folder) / "baton.log", "w+", encoding="utf-8")
        runtime = pathlib.Path(folder) / "runtime"
        runtime.mkdir(mode=0o700)
        environment = {
            **os.environ, "BATON_OPERATOR_TOKEN": self.token, "XDG_RUNTIME_DIR": str(runtime), "NO_COLOR": "1"
        }
        environment.pop("BATON_BIN", None)
        command = [PROGRAM, "dev", "--ephemeral", "-f", HERE / "routing.toml", "--listen", self.url[len("http://"):]]
        self.process = subprocess.Popen(command, env=environment, stdout=self.log, stderr=self.log)

    def __enter__(self):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                sys.exit(f"{PROGRAM} did not become ready:\n{self.said()}")
            time.sleep(0.05)
        # Somebody has written, so that there are threads to ask about.
        for page, person in [("2001", "ada"), ("2001", "ben"), ("2002", "ada"), ("2002", "ben")]:
            self.post(f"/baton/v1/pages/{page}/people/{person}/events", b'{"type": "message", "message": {"text": "hello"}}')
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            status = self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = "still running"
        if status != 0:
            sys.exit(f"{PROGRAM} did not stop well ({status}):\n{self.said()}")

    def is_ready(self):
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def post(self, path, body):
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        urllib.request.urlopen(urllib.request.Request(self.url + path, body, headers), timeout=10).close()

    def said(self):
        self.log.seek(0)
        return self.log.read()[-4000:]


def outcomes(report):
    """What was asked, operations and sequences of them, and how much of it was not answered as described."""
    cases = list(xml.etree.ElementTree.parse(report).iter("testcase"))
    asked = [case for case in cases if case.find("skipped") is None]
    wrong = [case for case in asked if case.find("failure") is not None or case.find("error") is not None]
    return len(asked), len(wrong)


def play(part, arguments, examples, is_long):
    with tempfile.TemporaryDirectory(prefix="baton-openapi-") as folder, Baton(folder) as baton:
        report = pathlib.Path(folder) / "report.xml"
        command = [
            pathlib.Path(sys.executable).parent / "schemathesis", "--config-file", HERE / "schemathesis.toml",
            "run", f"{baton.url}/openapi.json", "--seed", "1", "--max-examples", str(examples),
            "--report", "junit", "--report-junit-path", report, "--no-color", *arguments,
        ]  # fmt: skip
        if not is_long:
            command += [word for name in TWICE for word in ("--exclude-operation-id", name)]
        environment = {**os.environ, "BATON_OPERATOR_TOKEN": baton.token, "PYTHONPATH": str(HERE)}
        status = subprocess.run(command, env=environment, cwd=folder).returncode
        asked, wrong = outcomes(report) if report.exists() else (0, 1)
        # Nothing was asked, or schemathesis itself failed: that is no success either.
        if asked == 0 or (status != 0 and wrong == 0):
            wrong = max(wrong, 1)
        print(f"{part}: {asked - wrong} as described, {wrong} not", flush=True)
        return wrong == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=8, help="how much is made up for each operation")
    parser.add_argument("--long", action="store_true", help="also what asks the same a second time")
    parser.add_argument("--part", choices=PARTS, help="only this one")
    given = parser.parse_args()
    parts = {name: PARTS[name] for name in ([given.part] if given.part else PARTS)}
    went_well = [play(name, arguments, given.examples, given.long) for name, arguments in parts.items()]
    sys.exit(0 if all(went_well) else 1)


if __name__ == "__main__":
    main()
