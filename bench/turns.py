"""Baton against the relay, in turns: each round measures everything once, so that what disturbs the machine disturbs all
of it alike. A ratio is of two neighbours in one round; what is told is the median of the rounds, and the range."""

import contextlib
import statistics

from database import Database
from probe import Beside, probe
from programs import AT_BATON, AT_THE_RELAY, Baton, Broken, Ground

# People who write. Each has written before: a first message makes a thread, which is measured by itself (threads.py).
PEOPLE = 10_000

# name: (what it is, the relay's options or none, Baton's max_batch)
SUBJECTS = {
    "relay": ("the relay, which answers after delivery", {"ack": "after"}, None),
    "relay-batched": ("the relay, which answers before, and batches", {"ack": "before", "batch": 64}, None),
    "baton": ("Baton, one event in a webhook", None, 1),
    "baton-batched": ("Baton, up to 64 events in a webhook", None, 64),
    "baton-postgres": ("Baton on PostgreSQL, one event in a webhook", None, 1),
    "baton-postgres-batched": ("Baton on PostgreSQL, up to 64 events in a webhook", None, 64),
}
# What is measured unless it is said.
USUAL = tuple(name for name in SUBJECTS if "postgres" not in name)
APPS = (1, 3)
IN_FLIGHT = (64, 256)
# (subject, of which relay, apps) -> at least this ratio, with 256 requests in flight.
AIMS = {
    ("baton", "relay", 1): 0.75,
    ("baton", "relay", 3): 0.75,
    ("baton-batched", "relay", 1): 1.4,
    ("baton-batched", "relay", 3): 2.6,
    ("baton-batched", "relay-batched", 1): 0.5,
    ("baton-batched", "relay-batched", 3): 0.5,
}


def turn(subject, apps, connections, seconds, rate=0):
    """One measurement with fresh programs and an empty database: what the load saw, and what is wrong with it."""
    _, relay, max_batch = SUBJECTS[subject]
    with Ground() as ground:
        sinks = ground.sinks(apps)
        if relay is None:
            database = Database(ground).make("baton") if "postgres" in subject else None
            baton = Baton(ground, sinks.urls, max_batch, database=database)
            baton.start()
            baton.connect()
            greeted = greet(ground, baton, sinks, PEOPLE)
            url, body = baton.events, AT_BATON
        else:
            greeted = {"sent": 0, "sent_sum": 0}
            url, body = ground.relay(sinks, **relay), AT_THE_RELAY
        load = {"connections": connections, "seconds": seconds, "rate": rate, "senders": PEOPLE, "warm_up": 0.5}
        before = baton.metrics() if relay is None else {}
        with Beside(ground.folder) if rate else contextlib.nullcontext() as disk:
            seen = ground.load(url, sinks.urls, body, **load)
            if disk:
                seen["sync_us"] = disk.longest_us()
        if relay is None:
            seen["commits_s"], seen["events_in_a_commit"] = commits(baton.metrics(), before, seconds + 0.5)
            seen["memory"] = baton.memory()
        arrived = seen | {"sent": seen["sent"] + greeted["sent"], "sent_sum": (seen["sent_sum"] + greeted["sent_sum"]) % 2**64}
        return seen, wrong(f"{subject}, {apps} apps, {connections} in flight", arrived, sinks, apps)


def greet(ground, baton, sinks, people):
    """Everybody writes once, and all of it is delivered."""
    body = [AT_BATON] * min(500, people)
    load = {"connections": 4, "seconds": 3600, "warm_up": 0, "senders": people, "in_turn": "true", "messages": people}
    seen = ground.load(baton.events, sinks.urls, body, **load)
    if seen["errors"] or seen["sent"] < people:
        raise Broken(f"{people} threads could not be made: {seen}")
    return seen


def commits(metrics, before, seconds):
    names = [f"baton_commit_requests_{what}" for what in ("count", "sum")]
    count, requests = (metrics.get(name, 0) - before.get(name, 0) for name in names)
    return round(count / seconds), round(requests / max(count, 1), 1)


def wrong(what, seen, sinks, apps):
    """Whether every app has every message, once, rightly signed."""
    faults = [f"{what}: {seen['errors']} requests were refused"] if seen["errors"] else []
    for app in range(apps):
        counts = sinks.counts(app)
        if (counts["events"], counts["sum"]) != (seen["sent"], seen["sent_sum"]):
            faults.append(f"{what}: app {app} has {counts['events']} of {seen['sent']}, or others than were sent")
        if counts["bad_signatures"]:
            faults.append(f"{what}: {counts['bad_signatures']} signatures of app {app} are wrong")
    return faults


def spread(values):
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def throughput(plan, say):
    """As fast as answers come."""
    runs, probes, faults = {}, [], []
    for number in range(plan.rounds):
        for apps in plan.apps:
            for connections in plan.in_flight:
                for subject in plan.subjects:
                    seen, found = turn(subject, apps, connections, plan.seconds)
                    runs.setdefault((apps, connections, subject), []).append(seen)
                    faults += found
                    rate = f"{seen['routed_s']:9,.0f} events/s to each app"
                    say(f"round {number + 1}  N={apps}  {connections:3} in flight  {subject:14} {rate}")
        with Ground() as ground:
            probes.append(probe(ground.folder, 1))
    return runs, probes, faults


def ratios(runs):
    """Of each measurement of Baton, to each relay in the same round."""
    found = []
    for (apps, connections, subject), own in runs.items():
        for reference in ("relay", "relay-batched"):
            others = runs.get((apps, connections, reference))
            if not subject.startswith("baton") or not others:
                continue
            each = [mine["routed_s"] / other["routed_s"] for mine, other in zip(own, others)]
            found.append(
                {
                    "apps": apps,
                    "in_flight": connections,
                    "subject": subject,
                    "of": reference,
                    "ratio": spread(each),
                    "events_s": spread([seen["routed_s"] for seen in own]),
                    "reference_events_s": spread([seen["routed_s"] for seen in others]),
                    "aim": AIMS.get((subject, reference, apps)) if connections == 256 else None,
                }
            )
    return found


def latencies(plan, runs, say):
    """At half of what each can do, with 64 connections; the disk's own in between."""
    found, probes, faults = {}, [], []
    for _ in range(plan.rounds):
        for apps in plan.apps:
            for subject in plan.subjects:
                if subject == "relay-batched":
                    continue
                most = statistics.median(seen["routed_s"] for seen in runs[apps, 64, subject])
                seen, wrongs = turn(subject, apps, 64, plan.seconds, rate=most / 2)
                seen["rate"] = most / 2
                found.setdefault((apps, subject), []).append(seen)
                faults += wrongs
                told = "  ".join(f"{name} {seen[f'{name}_us']:6,} µs" for name in ("p50", "p99", "p999"))
                say(f"half load  N={apps}  {subject:14} {told}  longest sync beside it {seen['sync_us']:,} µs")
            with Ground() as ground:
                probes.append(probe(ground.folder, plan.seconds))
    table = [
        {"apps": apps, "subject": subject}
        | {name: spread([seen[name] for seen in each]) for name in ("rate", "p50_us", "p99_us", "p999_us", "max_us", "sync_us")}
        for (apps, subject), each in found.items()
    ]
    return table, probes, faults


def ingest(table, probes):
    """The p99 of ingest by what it may be at most: three times the relay's and the disk's together."""
    sync = statistics.median(each["p99_us"] for each in probes)
    of = {(row["apps"], row["subject"]): row["p99_us"]["median"] for row in table}
    return [
        {
            "apps": apps,
            "subject": subject,
            "p99_us": p99,
            "relay_p99_us": of[apps, "relay"],
            "sync_p99_us": sync,
            "times": round(p99 / (of[apps, "relay"] + sync), 2),
            "aim_at_most": 3,
        }
        for (apps, subject), p99 in of.items()
        if subject.startswith("baton") and (apps, "relay") in of
    ]
