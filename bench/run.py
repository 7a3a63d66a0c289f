"""Baton against a relay that remembers nothing: what is measured, in which order, and where it is written.

    python3 bench/run.py                    # some minutes
    BENCH=long python3 bench/run.py         # an hour
    python3 bench/run.py --only throughput --apps 1 --in-flight 256 --rounds 5
    python3 bench/run.py --only soak --minutes 10

Ends with 1 if a message was lost, doubled, refused or wrongly signed. An aim that is not reached fails nothing.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import subprocess
import sys

import isolation
import on_postgres
import postgres_growth
import report
import soak
import threads
import turns
from probe import probe
from programs import BATON, RELAY, ROOT, Ground

PARTS = ("throughput", "latency", "isolation", "threads", "postgres", "postgres-growth", "soak")
LENGTHS = {
    # rounds, seconds of a measurement, seconds that an app is ill, threads
    "short": (3, 2, 8, 1_000_000),
    "long": (7, 5, 600, 10_000_000),
}


def options():
    rounds, seconds, ill_seconds, many = LENGTHS[os.environ.get("BENCH", "short")]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS[:-1], help="what to measure")
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--seconds", type=float, default=seconds, help="of one measurement")
    parser.add_argument("--ill-seconds", type=float, default=ill_seconds, help="how long one app of three is away")
    parser.add_argument("--threads", type=int, default=many)
    parser.add_argument("--apps", type=int, nargs="+", default=turns.APPS)
    parser.add_argument("--in-flight", type=int, nargs="+", default=turns.IN_FLIGHT)
    parser.add_argument("--subjects", nargs="+", choices=turns.SUBJECTS, default=list(turns.USUAL))
    parser.add_argument("--minutes", type=float, default=10, help="of the soak")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "target/bench", help="the folder for what comes of it")
    plan = parser.parse_args()
    for program in (BATON, RELAY):
        if not program.exists():
            sys.exit(f"{program} is not there: `make bench` builds it")
    if "latency" in plan.only and "throughput" not in plan.only:
        plan.only = ["throughput", *plan.only]
    if "latency" in plan.only and 64 not in plan.in_flight:
        sys.exit("the latency is measured at half of the rate with 64 in flight: --in-flight 64, or --only throughput")
    return plan


def machine():
    processor = next((line.partition(": ")[2].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    memory = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal"))
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**20),
        "kernel": platform.release(),
        "load": os.getloadavg()[0],
    }


def measure(plan, found):
    say = lambda words: print(words, flush=True)
    if "throughput" in plan.only:
        runs, found["probes"], faults = turns.throughput(plan, say)
        found["faults"] += faults
        found["ratios"] = turns.ratios(runs)
        found["runs"] = [
            {"apps": apps, "in_flight": connections, "subject": subject, "rounds": each}
            for (apps, connections, subject), each in runs.items()
        ]
    if "latency" in plan.only:
        found["latency"], found["latency_probes"], faults = turns.latencies(plan, runs, say)
        found["ingest"] = turns.ingest(found["latency"], found["latency_probes"])
        found["faults"] += faults
    if "isolation" in plan.only:
        found["isolation"], faults = isolation.isolation(plan, say)
        found["faults"] += faults
    if "threads" in plan.only:
        found["threads"], faults = threads.many(plan, say)
        found["faults"] += faults
    if "postgres" in plan.only:
        found["postgres"], faults = on_postgres.on_postgres(plan, say)
        found["faults"] += faults
    if "postgres-growth" in plan.only:
        found["growth"] = postgres_growth.growth(plan, say)
    if "soak" in plan.only:
        found["soak"], faults = soak.soak(plan.minutes, say)
        found["faults"] += faults + ([] if found["soak"]["flat"]["is_flat"] else ["soak: not flat"])


def main():
    plan = options()
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
    found = {
        "at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip() or "unknown",
        "machine": machine(),
        "rounds": plan.rounds,
        "seconds": plan.seconds,
        "faults": [],
    }
    with Ground() as ground:
        found["disk"] = probe(ground.folder, 1)
    try:
        measure(plan, found)
    finally:
        # What was measured until something broke is worth having.
        plan.out.mkdir(parents=True, exist_ok=True)
        (plan.out / "bench.json").write_text(json.dumps(found, indent=1) + "\n")
    (plan.out / "bench.md").write_text(report.told(found))
    for name, picture in report.pictures(found).items():
        (plan.out / name).write_text(picture)
    print("\n" + report.told(found) + f"\nWritten to {plan.out}: bench.json, bench.md and pictures.")
    sys.exit(1 if found["faults"] else 0)


if __name__ == "__main__":
    main()
