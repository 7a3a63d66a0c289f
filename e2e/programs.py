"""Where the program under test is, and where it may listen: for every run that starts it by itself."""

import pathlib
import socket
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]


def program_of(text):
    """The program to test: what was named, else what the makefile built."""
    names = [text] if text else [ROOT / "target" / profile / "baton" for profile in ("release", "debug")]
    for name in names:
        if pathlib.Path(name).exists():
            return pathlib.Path(name).resolve()
    sys.exit(f"no program at {' or '.join(map(str, names))}: build it with `make release`, or name it with --baton")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
