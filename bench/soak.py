"""Half of what it can do, for ten minutes: memory, lag and latency over time, which should be flat."""

import statistics
import time

from probe import Beside
from programs import AT_BATON, Baton, Ground
from threads import longest_commit
from turns import PEOPLE, greet, wrong

APPS = 3
CONNECTIONS = 64
SLICE_SECONDS = 10
# By how much the second half may differ from the first.
MEMORY_GROWTH = 1.10
LATENCY_GROWTH = 1.5
# From when on an answer was slow, and from when on a sync was.
SLOW_ANSWER_US = 100_000
SLOW_SYNC_US = 50_000


def soak(minutes, say):
    """A row for each ten seconds, what is wrong, and whether it stayed flat."""
    with Ground() as ground, Beside(ground.folder) as disk:
        sinks = ground.sinks(APPS)
        baton = Baton(ground, sinks.urls)
        baton.start()
        baton.connect()
        greeted = greet(ground, baton, sinks, PEOPLE)
        load = {"connections": CONNECTIONS, "warm_up": 0, "senders": PEOPLE}
        most = ground.load(baton.events, sinks.urls, AT_BATON, seconds=10, seed=1, **load)
        rate, began, rows = most["routed_s"] / 2, time.monotonic(), []
        sent, total = most["sent"] + greeted["sent"], (most["sent_sum"] + greeted["sent_sum"]) % 2**64
        for number in range(round(minutes * 60 / SLICE_SECONDS)):
            processor, metrics = baton.processor_seconds(), baton.metrics()
            disk.longest_us()
            with ground.loading(
                baton.events, sinks.urls, AT_BATON, seconds=SLICE_SECONDS, rate=rate, seed=number + 2, **load
            ) as loading:
                time.sleep(SLICE_SECONDS * 0.8)
                pending, memory = baton.pending(), baton.memory()
                seen = loading.result()
            sent, total = sent + seen["sent"], (total + seen["sent_sum"]) % 2**64
            rows.append(
                {
                    "seconds": round(time.monotonic() - began),
                    "memory": memory,
                    "pending": pending,
                    "sync_us": disk.longest_us(),
                    "commit_at_most_ms": longest_commit(metrics, baton.metrics()),
                    "processor": round((baton.processor_seconds() - processor) / SLICE_SECONDS, 2),
                }
                | {name: seen[name] for name in ("routed_s", "p50_us", "p99_us", "p999_us", "max_us", "errors")}
            )
            if number % 6 == 5:
                say(
                    f"{rows[-1]['seconds']:4} s  {memory / 2**20:6.1f} MiB  {pending:5} wait  "
                    f"p50 {seen['p50_us']:6,} µs  p99 {seen['p99_us']:7,} µs"
                )
        faults = wrong("soak", {"sent": sent, "sent_sum": total, "errors": sum(row["errors"] for row in rows)}, sinks, APPS)
        database = sum(file.stat().st_size for file in baton.data.iterdir() if file.is_file())
        return {"rate": rate, "rows": rows, "database": database, "flat": flat(rows)}, faults


def flat(rows):
    """How the second half is by the first."""
    half = len(rows) // 2
    middle = lambda name, part: statistics.median(row[name] for row in part)
    by = lambda name: round(middle(name, rows[half:]) / max(middle(name, rows[:half]), 1), 3)
    told = {"memory": by("memory"), "p50": by("p50_us"), "p99": by("p99_us"), "pending": max(row["pending"] for row in rows)}
    slow = [row for row in rows if row["p99_us"] > SLOW_ANSWER_US]
    told["slow"] = len(slow)
    told["slow_by_the_disk"] = sum(row["sync_us"] > SLOW_SYNC_US for row in slow)
    told["is_flat"] = told["memory"] <= MEMORY_GROWTH and max(told["p50"], told["p99"]) <= LATENCY_GROWTH
    return told
