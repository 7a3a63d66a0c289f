"""What was sent, what was answered, what arrived; and the verdict on it."""

import collections
import json
import threading

from apps import APPS, PAGES, STEADY

# How many messages of one person may be on their way: enough that a kill always finds some that were answered
# and not delivered, few enough that the receivers keep up.
ON_THE_WAY = 5

Try = collections.namedtuple("Try", "number mid webhook taken")
Verdict = collections.namedtuple("Verdict", "faults lost repeats duplicates")


def text_of(person, number):
    return f"{person} says {number}"


class Ledger:
    def __init__(self, people):
        self.lock = threading.Condition()
        self.page_of = people
        self.started = collections.Counter()  # person -> highest number sent
        self.answered = {}  # (person, number) -> message id
        self.forgotten = {}  # the same: a repeat of the event got another message id
        self.tries = collections.defaultdict(list)  # (app id, person) -> tries, as they came
        self.taken = collections.defaultdict(set)  # (app id, person) -> numbers that the app took
        self.bodies = {}  # (app id, webhook id) -> its first body
        self.undelivered = set()  # (person, number, app): answered, and not taken
        self.strange = []

    def acknowledge(self, person, number, mid):
        with self.lock:
            self.answered[person, number] = mid
            waiting = (app for app in APPS if number not in self.taken[app.id, person])
            self.undelivered.update((person, number, app) for app in waiting)

    def arrived(self, app, webhook, body, taken):
        """Takes down one webhook as an app received it, and whether the app takes it."""
        with self.lock:
            if webhook is None:
                self.strange.append(f"no id: {app.name} got {body[:300]}")
            elif self.bodies.setdefault((app.id, webhook), body) != body:
                self.strange.append(f"other body: {app.name} got {webhook} as {body[:300]}")
            for entry in json.loads(body)["entry"]:
                for channel in ("messaging", "standby"):
                    for event in entry.get(channel, []):
                        self.take_down(app, entry["id"], channel, event, webhook, taken)
            self.lock.notify_all()

    def take_down(self, app, page, channel, event, webhook, taken):
        if "app_roles" in event:
            return  # of the page and not of a conversation
        person = event.get("sender", {}).get("id")
        message = event.get("message", {})
        text = message.get("text", "")
        number = int(text.rpartition(" ")[2]) if text.rpartition(" ")[2].isdigit() else 0
        known = self.page_of.get(person) == page and 0 < number <= self.started[person]
        if not known or text != text_of(person, number):
            self.strange.append(f"invented: {app.name} heard {json.dumps(event)[:300]}")
            return
        expected = "messaging" if PAGES[page]["owner"] is app else "standby"
        if channel != expected:
            self.strange.append(f"wrong channel: {app.name} heard {text!r} in {channel}")
        self.tries[app.id, person].append(Try(number, message["mid"], webhook, taken))
        if taken:
            self.taken[app.id, person].add(number)
            self.undelivered.discard((person, number, app))

    def on_the_way(self, person):
        """How many of a person's messages have not reached the apps that always answer. The lock must be held."""
        return self.started[person] - min(len(self.taken[app.id, person]) for app in STEADY)

    def wait_for_room(self, person, stop):
        with self.lock:
            self.lock.wait_for(lambda: stop.is_set() or self.on_the_way(person) < ON_THE_WAY)

    def wait_until_delivered(self, quiet_seconds):
        """Waits as long as something arrives every now and then."""
        with self.lock:
            while self.undelivered and self.lock.wait(quiet_seconds):
                pass

    def verdict(self):
        """The faults, how many messages were lost, how many tries were repeats, and how many of these came although the app
        had taken the webhook."""
        with self.lock:
            undelivered = sorted(self.undelivered)
            lost = {(person, number) for person, number, _ in undelivered} | self.forgotten.keys()
            faults = [
                f"lost: {text_of(person, number)!r} was answered and is not at {app.name}" for person, number, app in undelivered
            ]
            faults += [
                f"lost: {text_of(*key)!r} was answered with {self.answered[key]}, and after a kill with {mid}"
                for key, mid in self.forgotten.items()
            ]
            faults += self.strange
            repeats = duplicates = 0
            for (app, person), tries in self.tries.items():
                faults += self.of_one(app, person, tries)
                repeats += len(tries) - len({one.number for one in tries})
                duplicates += after_it_was_taken(tries)
            return Verdict(faults, len(lost), repeats, duplicates)

    def of_one(self, app, person, tries):
        """What is wrong with what an app heard of one person."""
        firsts, taken, whole, overtaken = {}, set(), 0, None
        for one in tries:
            said = text_of(person, one.number)
            first = firsts.setdefault(one.number, one)
            if first.mid != one.mid:
                yield f"two ids: app {app} got {said!r} as {first.mid} and {one.mid}"
            if first.webhook != one.webhook:
                yield f"two webhook ids: app {app} got {said!r} in {first.webhook} and {one.webhook}"
            if self.answered.get((person, one.number), one.mid) != one.mid:
                yield f"other id: app {app} got {said!r} as {one.mid}, not as answered"
            # A person writes one message after another, so each before this one was committed before it.
            if not overtaken and whole < one.number - 1:
                overtaken = f"order: app {app} got {said!r}, and had not taken {text_of(person, whole + 1)!r}"
            if one.taken:
                taken.add(one.number)
            while whole + 1 in taken:
                whole += 1
        if overtaken:
            yield overtaken


def after_it_was_taken(tries):
    taken, count = set(), 0
    for one in tries:
        count += one.number in taken
        if one.taken:
            taken.add(one.number)
    return count
