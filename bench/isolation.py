"""One app of three is dead, or answers after 30 seconds: what the others keep of their rate, what memory does, and how
it catches up when it is back. With the healthy case in the same rounds."""

import time

from programs import AT_BATON, Baton, Ground
from turns import PEOPLE, greet, spread

APPS = 3
CONNECTIONS = 64
ILL = APPS - 1
AIMS = {"others": 0.9, "others_while_it_catches_up": 0.8, "catches_up": 0.5}
# How long the healthy case is measured, and the ill app once it is back: a minute says it, however long it was away.
MOST_SECONDS = 60
# How much longer than it was away it may take to have everything.
CATCH_UP_SECONDS = 120


def one(state, seconds):
    """Rates of the good apps and of the ill one: while it is ill, and when it is back."""
    with Ground() as ground:
        good = ground.sinks(ILL)
        options = {"delay_ms": 30_000} if state == "slow" else {}
        ill = ground.sinks(1, **options)
        baton = Baton(ground, [*good.urls, *ill.urls])
        baton.start()
        # A dead app has been there once: its address is verified.
        baton.connect()
        if state == "dead":
            ill.stop()
        greeted = greet(ground, baton, good, PEOPLE)
        load = {"connections": CONNECTIONS, "warm_up": 0.5, "senders": PEOPLE}
        short = min(seconds, MOST_SECONDS)
        first = short if state == "healthy" else seconds
        with ground.loading(baton.events, good.urls, AT_BATON, seed=1, seconds=first, **load) as loading:
            time.sleep(0.5 + first / 2)
            memory = baton.memory()
            seen = loading.result()
        told = {"others": seen["routed_s"], "memory": memory, "grown": baton.memory() - memory}
        back = ill if state == "healthy" else returned(ground, ill, baton)
        before, began = back.counts(0)["events"], time.monotonic()
        again = ground.load(baton.events, good.urls, AT_BATON, seed=2, seconds=short, **load)
        told["caught_up"] = (back.counts(0)["events"] - before) / (time.monotonic() - began)
        told["others_then"] = again["routed_s"]
        sent, total = (sum(each[name] for each in (greeted, seen, again)) for name in ("sent", "sent_sum"))
        patience = first + CATCH_UP_SECONDS
        return told, wrong(state, (sent, total % 2**64), [(good, 0), (good, 1), (back, 0)], patience)


def returned(ground, ill, baton):
    """The ill app, well again at the same address."""
    ill.stop()
    back = ground.sinks(1, port=ill.port)
    baton.resume(ILL)
    return back


def wrong(state, sent, apps, patience):
    """Waits until every app has everything that was sent, once; says what is not so."""
    deadline = time.monotonic() + patience
    faults = []
    for number, (sinks, path) in enumerate(apps):
        have = lambda: tuple(sinks.counts(path)[name] for name in ("events", "sum"))
        while have()[0] < sent[0] and time.monotonic() < deadline:
            time.sleep(0.05)
        if have() != sent:
            faults.append(f"one app {state}: app {number} has {have()[0]} of {sent[0]}, or others than were sent")
    return faults


def isolation(plan, say):
    rounds, faults = [], []
    for _ in range(plan.rounds):
        told = {}
        for state in ("healthy", "dead", "slow"):
            told[state], found = one(state, plan.ill_seconds)
            faults += found
            say(f"one of three {state:8} others {told[state]['others']:8,.0f}/s")
        rounds.append(told)
    table = []
    for state in ("dead", "slow"):
        ratio = lambda name, of="others": spread([told[state][name] / told["healthy"][of] for told in rounds])
        table.append(
            {
                "state": state,
                "seconds": plan.ill_seconds,
                "others": ratio("others"),
                "others_while_it_catches_up": ratio("others_then"),
                "catches_up": ratio("caught_up"),
                "healthy_events_s": spread([told["healthy"]["others"] for told in rounds]),
                "memory": spread([told[state]["memory"] for told in rounds]),
                "grown": spread([told[state]["grown"] for told in rounds]),
                "aims": AIMS,
            }
        )
    return table, faults
