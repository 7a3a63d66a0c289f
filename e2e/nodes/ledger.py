"""What people wrote, what was acknowledged, what arrived at which app from which node; and the verdict on it."""

import collections
import threading

Arrival = collections.namedtuple("Arrival", "at node number channel mid")


def text_of(person, number):
    return f"{person} says {number}"


class Ledger:
    def __init__(self, apps):
        self.apps = apps
        self.lock = threading.Condition()
        self.acknowledged = {}  # (person, number) -> message id
        self.owners = {}  # (person, number) -> who had control when it was written; None: it was not certain
        self.arrivals = collections.defaultdict(list)  # (app, person) -> arrivals
        self.seen = collections.defaultdict(set)  # (app, person) -> numbers
        self.strange = []
        self.disturbed = float("inf")  # when something happened first

    def wrote(self, person, number, owner):
        with self.lock:
            self.owners[person, number] = owner

    def acknowledge(self, person, number, mid):
        with self.lock:
            before = self.acknowledged.setdefault((person, number), mid)
            if before != mid:
                self.strange.append(f"two answers: {text_of(person, number)!r} was acknowledged as {before} and {mid}")

    def arrived(self, app, body, node, at):
        with self.lock:
            for entry in body["entry"]:
                for channel in ("messaging", "standby"):
                    for event in entry.get(channel, []):
                        text = event.get("message", {}).get("text", "")
                        person, _, number = text.partition(" says ")
                        if not number.isdigit():
                            continue  # a change of control, or of the page
                        arrival = Arrival(at, node, int(number), channel, event["message"]["mid"])
                        self.arrivals[app, person].append(arrival)
                        self.seen[app, person].add(arrival.number)
            self.lock.notify_all()

    def undelivered(self):
        return [
            (key, app)
            for key in self.acknowledged
            for app in self.apps
            if key[1] not in self.seen[app, key[0]]
        ]

    def wait_until_delivered(self, quiet_seconds):
        """Waits as long as something arrives every now and then."""
        with self.lock:
            while self.undelivered() and self.lock.wait(quiet_seconds):
                pass

    def behind(self, person):
        """How many of a person's acknowledged messages some app does not have. The lock must be held."""
        most = max((number for name, number in self.acknowledged if name == person), default=0)
        return most - min(len(self.seen[app, person]) for app in self.apps)

    def not_in(self, person, mids):
        """Messages of a person that were acknowledged and are not in the conversation, or there in another order."""
        with self.lock:
            own = sorted((number, mid) for (name, number), mid in self.acknowledged.items() if name == person)
        there = set(mids)
        faults = [f"lost: {text_of(person, number)!r} is not in the conversation" for number, mid in own if mid not in there]
        acknowledged = {mid for _, mid in own}
        if not faults and [mid for mid in mids if mid in acknowledged] != [mid for _, mid in own]:
            faults.append(f"order: the conversation of {person} has another order than they wrote in, or has one twice")
        return faults

    def verdict(self, resumed):
        """The faults, and how many webhooks came twice. `resumed`: nodes that had been paused, each
        with the time from when it went on until something else happened."""
        with self.lock:
            faults = [
                f"lost: {text_of(*key)!r} was acknowledged and is not at app {app}" for key, app in self.undelivered()
            ]
            faults += self.strange
            twice = 0
            for (app, person), arrivals in self.arrivals.items():
                faults += self.of_one(app, person, arrivals)
                twice += len(arrivals) - len({arrival.number for arrival in arrivals})
                for node, since, until in resumed:
                    late = late_ones(arrivals, node, since, until)
                    if len(late) > 1:
                        faults.append(f"late: node {node}, resumed, sent app {app} of {person} again {late}")
            return faults, twice

    def of_one(self, app, person, arrivals):
        first = {}
        for arrival in arrivals:
            first.setdefault(arrival.number, arrival)
        if list(first) != sorted(first):
            yield f"order: app {app} first heard {person} in the order {list(first)[:60]}"
        heard = set()
        for arrival in arrivals:
            if arrival.number in heard and arrival.at < self.disturbed:
                yield f"repeated: app {app} got {text_of(person, arrival.number)!r} again, and nothing had happened"
            heard.add(arrival.number)
            known = self.acknowledged.get((person, arrival.number), arrival.mid)
            if arrival.mid != known:
                yield f"other id: app {app} got {text_of(person, arrival.number)!r} as {arrival.mid}, not {known}"
            owner = self.owners.get((person, arrival.number))
            expected = "messaging" if owner == app else "standby"
            if owner and arrival.channel != expected:
                yield f"channel: app {app} heard {text_of(person, arrival.number)!r} in {arrival.channel}; {owner} owns"


def late_ones(arrivals, node, since, until):
    """What a node sent again after it was resumed, although it had arrived before."""
    seen, late = set(), []
    for arrival in arrivals:
        if arrival.number in seen and arrival.node == node and since <= arrival.at < until:
            late.append(arrival.number)
        seen.add(arrival.number)
    return late
