"""Baton on PostgreSQL, one node and three on this machine, beside what PostgreSQL itself does: `pgbench -N`, in turns."""

import time

import store_alone
from database import Database
from programs import AT_BATON, Baton, Broken, Ground
from turns import PEOPLE, greet, spread, wrong

CONNECTIONS = 256
NODES = (1, 3)
# Events routed in a second by the best that pgbench does.
AIM = 5


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
            database = Database(ground)
            told = {"pgbench": database.pgbench(plan.seconds * 2), "alone": store_alone.turn(database, plan.seconds)}
        say(f"round {number + 1}  pgbench -N  {told['pgbench']:9,.0f} transactions/s")
        for (drivers, batch), seen in told["alone"].items():
            say(f"round {number + 1}  {drivers:2} x {batch:3}    {seen['events_s']:9,.0f} events/s, the store alone")
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
    alone = store_alone.table([(told["pgbench"], told["alone"]) for told in rounds])
    return {"pgbench": spread([told["pgbench"] for told in rounds]), "alone": alone, "nodes": table}, faults
