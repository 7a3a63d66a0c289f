"""Many conversations on PostgreSQL: what the store commits with a million of them by what it does with a thousand, what
each takes on disk, and how long commits take while retention deletes what is old."""

import store_alone
from database import Database
from probe import probe
from programs import Ground
from turns import spread

FEW = 1_000
# As many streams as are written to at once, so that a thousand conversations are no less than a batch.
STREAMS = 4
BATCH = 64
AIMS = {"ratio": 0.8}
TABLES = {"state": "threads", "key": "threads_pkey", "list": "threads_recent", "event": "journal", "place": "journal_pkey"}


def sizes(database, name, threads):
    """Bytes of each table and index by the number of conversations."""
    told = {}
    for what, relation in TABLES.items():
        size = database.server.tell(f"SELECT pg_relation_size('baton.{relation}')", database=name)
        told[what] = round(int(size) / threads, 1)
    return told


def growth(plan, say):
    with Ground() as ground:
        database = Database(ground)
        addresses = {}
        for name, threads in (("few", FEW), ("many", plan.threads)):
            addresses[name] = database.make(name)
            filled = store_alone.commits(addresses[name], "fill", streams=STREAMS, threads=threads)
            say(f"{threads:,} threads are there after {filled['seconds']:,.0f} s")
            database.server.tell("VACUUM ANALYZE", database=name)
        took = sizes(database, "many", plan.threads)
        rates = {"few": [], "many": [], "forgetting": []}
        probes = []
        load = {"drivers": STREAMS, "batch": BATCH, "seconds": plan.seconds * 2}
        for _ in range(plan.rounds):
            for kind, name, threads in (("few", "few", FEW), ("many", "many", plan.threads), ("forgetting", "many", plan.threads)):
                database.settle()
                flags = ["forget"] if kind == "forgetting" else []
                seen = store_alone.commits(addresses[name], *flags, threads=threads, **load)
                rates[kind].append(seen)
                longest, deleted = seen["max_us"] / 1000, seen["forgotten_s"]
                say(f"{kind:10}  {seen['events_s']:9,.0f} events/s, longest commit {longest:.0f} ms, {deleted:,.0f} rows/s deleted")
            probes.append(probe(ground.folder, plan.seconds))
        of = lambda kind, what: [seen[what] for seen in rates[kind]]
        by = lambda kind, other: spread([one / two for one, two in zip(of(kind, "events_s"), of(other, "events_s"))])
        return {
            "threads": plan.threads,
            "sizes": took,
            "few_events_s": spread(of("few", "events_s")),
            "many_events_s": spread(of("many", "events_s")),
            "ratio": by("many", "few"),
            "forgetting_ratio": by("forgetting", "many"),
            "forgotten_s": spread(of("forgetting", "forgotten_s")),
            "longest_ms": {kind: spread([seen / 1000 for seen in of(kind, "max_us")]) for kind in rates},
            "p99_ms": {kind: spread([seen / 1000 for seen in of(kind, "p99_us")]) for kind in rates},
            "longest_sync_ms": max(each["max_us"] for each in probes) / 1000,
            "aims": AIMS,
        }
