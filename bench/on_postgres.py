"""Baton on PostgreSQL, one node and three on this machine, beside what PostgreSQL itself does: `pgbench -N`, in turns."""

import sys
import time

from programs import AT_BATON, ROOT, Baton, Broken, Ground, free_port
from turns import PEOPLE, greet, spread, wrong

sys.path.append(str(ROOT / "e2e"))

from postgres import Server

CONNECTIONS = 256
# Clients of pgbench, of which the best counts, and the size of its tables: its branches are locked by nobody with -N.
CLIENTS = (16, 64)
SCALE = 20
NODES = (1, 3)
# Events routed in a second by the best that pgbench does.
AIM = 5


class Database:
    """An empty server as `initdb` sets it up, but for connections, memory and the size of its log; what it confirms is on disk."""

    def __init__(self, ground):
        self.server = Server(ground.folder / "postgres", free_port())
        self.server.make()
        self.server.start("-c shared_buffers=1GB -c max_wal_size=4GB")
        ground.stack.callback(self.server.crash)

    def make(self, name):
        self.server.run("createdb", *self.server.address, name)
        return f"postgres://baton@127.0.0.1:{self.server.port}/{name}?sslmode=disable"

    def pgbench(self, seconds):
        """The most transactions in a second that any number of clients gets."""
        self.make("pgbench")
        address = [*self.server.address, "pgbench"]
        self.server.run("pgbench", "-i", "-q", "-s", SCALE, *address)
        best = 0.0
        for clients in CLIENTS:
            words = ["-N", "-n", "-M", "prepared", "-c", clients, "-j", 2, "-T", max(1, round(seconds))]
            said = self.server.said("pgbench", *words, *address)
            line = next(line for line in said.splitlines() if line.startswith("tps ="))
            best = max(best, float(line.split()[2]))
        return best


def nodes_on(ground, address, sinks, count, max_batch=1):
    nodes = [Baton(ground, sinks.urls, max_batch, data=f"node-{number}", database=address) for number in range(count)]
    for node in nodes:
        node.start()
    nodes[0].connect()
    deadline = time.monotonic() + 60
    # Each delivers its share before anything is measured.
    while any(node.metrics().get("baton_delivered_streams", 0) > 16 / count + 1 for node in nodes):
        if time.monotonic() > deadline:
            raise Broken("the nodes did not share the streams")
        time.sleep(0.1)
    return nodes


def turn(count, seconds):
    """One measurement with fresh programs and an empty database."""
    with Ground() as ground:
        database, sinks = Database(ground), ground.sinks(1)
        nodes = nodes_on(ground, database.make("baton"), sinks, count)
        greeted = greet(ground, nodes[0], sinks, PEOPLE)
        url = ",".join(node.events for node in nodes)
        load = {"connections": CONNECTIONS, "seconds": seconds, "senders": PEOPLE, "warm_up": 0.5}
        seen = ground.load(url, sinks.urls, AT_BATON, **load)
        sums = {name: (seen[name] + greeted[name]) % 2**64 for name in ("sent", "sent_sum")}
        return seen, wrong(f"PostgreSQL, {count} nodes", seen | sums, sinks, 1)


def on_postgres(plan, say):
    rounds, faults = [], []
    for number in range(plan.rounds):
        with Ground() as ground:
            told = {"pgbench": Database(ground).pgbench(plan.seconds * 2)}
        say(f"round {number + 1}  pgbench -N  {told['pgbench']:9,.0f} transactions/s")
        for count in NODES:
            told[count], found = turn(count, plan.seconds)
            faults += found
            say(f"round {number + 1}  {count} nodes     {told[count]['routed_s']:9,.0f} events/s")
        rounds.append(told)
    table = [
        {
            "nodes": count,
            "events_s": spread([told[count]["routed_s"] for told in rounds]),
            "p50_us": spread([told[count]["p50_us"] for told in rounds]),
            "p99_us": spread([told[count]["p99_us"] for told in rounds]),
            "ratio": spread([told[count]["routed_s"] / told["pgbench"] for told in rounds]),
            "by_one": spread([told[count]["routed_s"] / told[1]["routed_s"] for told in rounds]),
            "aim": AIM,
        }
        for count in NODES
    ]
    return {"pgbench": spread([told["pgbench"] for told in rounds]), "nodes": table}, faults
