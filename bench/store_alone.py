"""The PostgreSQL store alone: batches of events as committers hand them over, without HTTP before and delivery behind."""

import json
import os
import pathlib
import subprocess

from programs import BATON, Broken
from turns import PEOPLE, spread

COMMITS = pathlib.Path(os.environ.get("COMMITS_BIN", BATON.with_name("commits")))
# Streams that are written to at once, and events in a batch. The last is what 256 requests in flight come to.
SHAPES = ((1, 64), (1, 256), (4, 64), (4, 256), (16, 16))
# Events committed in a second by the best that pgbench does in transactions.
AIM = 10


def commits(address, *flags, **options):
    """Runs `commits` to its end, and returns what it says."""
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    command = [COMMITS, "--database", address, *(f"--{flag}" for flag in flags), *words]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode != 0:
        raise Broken(f"{' '.join(map(str, command))}: {done.stderr}")
    return json.loads(done.stdout)


def turn(database, seconds):
    """What each shape commits, on a server that is there; everybody who writes has written before."""
    told = {}
    for drivers, batch in SHAPES:
        address = database.make(f"alone_{drivers}_{batch}")
        commits(address, "fill", streams=drivers, threads=PEOPLE)
        database.settle()
        told[drivers, batch] = commits(address, drivers=drivers, batch=batch, threads=PEOPLE, seconds=seconds)
    return told


def table(rounds):
    """Of each shape, over rounds of (pgbench's transactions a second, what `turn` says)."""
    rows = []
    for drivers, batch in SHAPES:
        each = [(pgbench, told[drivers, batch]) for pgbench, told in rounds]
        rows.append(
            {
                "drivers": drivers,
                "batch": batch,
                "events_s": spread([seen["events_s"] for _, seen in each]),
                "ratio": spread([seen["events_s"] / pgbench for pgbench, seen in each]),
                "p50_us": spread([seen["p50_us"] for _, seen in each]),
                "max_us": spread([seen["max_us"] for _, seen in each]),
                "aim": AIM if batch >= 64 else None,
            }
        )
    return rows
