"""Many conversations: the rate with a million threads by that with a thousand, what an idle thread takes on disk, how
long commits take, and how soon Baton answers after a start with a cold disk and after a kill at full load."""

import contextlib
import os
import time

from probe import probe
from programs import AT_BATON, PAGE, Baton, Ground, ask
from turns import greet, spread

FEW = 1_000
CONNECTIONS = 64
AIMS = {"ratio": 0.8, "state_bytes": 100, "list_bytes": 80, "cold_start_s": 0.25, "after_kill_s": 2.0}


def filled(ground, threads, data):
    """A Baton with so many threads, each of which has one message; delivered, too."""
    sinks = ground.sinks(1)
    baton = Baton(ground, sinks.urls, max_batch=64, data=data)
    baton.start()
    baton.connect()
    greet(ground, baton, sinks, threads)
    # From now on one event in a webhook, as in the other measurements.
    baton.max_batch = 1
    baton.connect()
    return baton, sinks


def longest_commit(before, after):
    """No commit in between took more milliseconds than this: the histogram's buckets double."""
    more = {name: count - before.get(name, 0) for name, count in after.items()}
    whole = more.get("baton_commit_seconds_count", 0)
    bounds = []
    for name, count in more.items():
        if name.startswith("baton_commit_seconds_bucket") and count >= whole:
            bound = name.partition('le="')[2].partition('"')[0]
            bounds.append(float("inf") if bound == "+Inf" else float(bound))
    return min(bounds, default=0) * 1000


def first_answer(baton):
    """Seconds from starting it to the answer of its first message."""
    began = time.perf_counter()
    baton.start()
    event = {"person": "first", "type": "message", "message": {"text": "hello"}}
    ask(baton.port, "POST", f"/baton/v1/pages/{PAGE}/events", event)
    return time.perf_counter() - began


def at_rest(baton):
    """Bytes of memory after a start and one message."""
    first_answer(baton)
    memory = baton.memory()
    baton.stop()
    return memory


def forget_pages(folder):
    """The files of a folder leave the system's memory, as after a restart of the machine."""
    for path in folder.iterdir():
        if path.is_file():
            file = os.open(path, os.O_RDONLY)
            with contextlib.closing(os.fdopen(file)):
                os.fsync(file)
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)


def many(plan, say):
    """The table, the probes in between, and what is wrong."""
    with Ground() as ground:
        few, many = filled(ground, FEW, "few"), filled(ground, plan.threads, "many")
        say(f"{plan.threads:,} threads are there")
        rates, probes, faults = {"few": [], "many": []}, [], []
        before = many[0].metrics()
        for number in range(plan.rounds):
            for name, (baton, sinks), threads in (("few", few, FEW), ("many", many, plan.threads)):
                seen = ground.load(
                    baton.events, sinks.urls, AT_BATON, connections=CONNECTIONS, seconds=plan.seconds * 2,
                    warm_up=0.5, senders=threads, seed=100 + number,
                )
                rates[name].append(seen["routed_s"])
                faults += [f"{name} threads: {seen['errors']} requests were refused"] if seen["errors"] else []
                say(f"{threads:11,} threads  {seen['routed_s']:9,.0f} events/s")
            probes.append(probe(ground.folder, plan.seconds))
        table = {
            "threads": plan.threads,
            "ratio": spread([most / least for most, least in zip(rates["many"], rates["few"])]),
            "few_events_s": spread(rates["few"]),
            "commit_at_most_ms": longest_commit(before, many[0].metrics()),
            "longest_sync_ms": max(each["max_us"] for each in probes) / 1000,
            "aims": AIMS,
        }
        few[0].stop()
        table |= starts(ground, many, plan, say)
        # After a start nothing is in memory but what everybody has, and what the last threads in use left.
        memory = {name: at_rest(baton) for name, (baton, _) in (("few", few), ("many", many))}
        table["memory_bytes"] = round((memory["many"] - memory["few"]) / plan.threads, 2)
        return table, faults


def starts(ground, many, plan, say):
    baton, sinks = many
    baton.stop()
    sizes = baton.sizes()
    told = {
        "state_bytes": round(sizes.get("threads", 0) / plan.threads, 1),
        "list_bytes": round(sizes.get("newest", 0) / plan.threads, 1),
    }
    cold, killed = [], []
    for _ in range(plan.rounds):
        forget_pages(baton.data)
        cold.append(first_answer(baton))
        with ground.loading(baton.events, sinks.urls, AT_BATON, connections=CONNECTIONS, seconds=60, senders=plan.threads):
            time.sleep(plan.seconds)
            baton.kill()
        killed.append(first_answer(baton))
        baton.stop()
    say(f"first answer: {max(cold):.2f} s after a cold start, {max(killed):.2f} s after a kill")
    return told | {"cold_start_s": spread(cold), "after_kill_s": spread(killed)}
