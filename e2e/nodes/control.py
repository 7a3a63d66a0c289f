"""The verdict on control: whatever apps asked for at once, at whichever node, happened one after another, each between
its call and its answer. The history of a conversation says in which order; that it can have been so is what is checked."""

import dataclasses
import heapq


@dataclasses.dataclass
class Call:
    what: str  # pass, take, request, release, read
    app: str
    target: str | None
    tag: str  # its metadata, by which the history knows it
    began: float
    ended: float = float("inf")  # for ever: nobody knows whether it was done
    accepted: bool | None = None
    owner: str | None = None  # what a read said


def allowed(call, owner, primary):
    """Whether the owner's state allows it: the Handover Protocol with a primary receiver."""
    return {
        "pass": owner in (call.app, None),
        "take": owner in (call.app, None) or call.app == primary,
        "release": owner == call.app,
        "request": owner != call.app,
        "read": True,
    }[call.what]


def owner_after(call, owner):
    """Who has control when it was done."""
    if call.what == "request":
        return call.app if owner is None else owner
    return {"pass": call.target, "take": call.app, "release": None, "read": owner}[call.what]


class Verdict:
    """`calls`: those on one conversation. `entries`: its history, oldest first, as Baton's API has it."""

    def __init__(self, person, calls, entries, primary):
        self.person, self.calls, self.primary = person, calls, primary
        self.entries = entries
        self.faults = []
        self.places = {}  # tag -> place of its entry
        self.owners = [None]  # before the first entry, and after each

    def of(self):
        self.read_history()
        for call in self.calls:
            self.compare(call)
        self.order()
        return self.faults

    def fault(self, text):
        self.faults.append(f"control of {self.person}: {text}")

    def read_history(self):
        """Each entry begins with the owner whom the one before left; nothing stands there twice."""
        for place, entry in enumerate(self.entries, 1):
            before, after = owner_in(entry, "from_app_id"), owner_in(entry, "to_app_id")
            if entry["refused"] is not None:
                after = before = self.owners[-1]
            elif before != self.owners[-1]:
                self.fault(f"two owners: {self.owners[-1]} had it, and {entry['rule']} moved it from {before}")
            self.owners.append(after)
            tag = entry["metadata"]
            if tag and tag in self.places:
                self.fault(f"twice: {tag} stands in the history twice")
            self.places[tag] = place

    def compare(self, call):
        """What was answered is what the history has, and what the rules say of the owner at that place."""
        place = self.places.get(call.tag)
        if place is None:
            if call.accepted is not None and self.leaves_trace(call):
                answered = "accepted" if call.accepted else "refused"
                self.fault(f"lost: {call.what} {call.tag} was {answered}, and the history does not have it")
            return
        before, after = self.owners[place - 1], self.owners[place]
        refused = self.entries[place - 1]["refused"] is not None
        if call.accepted is not None and call.accepted == refused:
            self.fault(f"answer: {call.what} {call.tag} was accepted: {call.accepted}; the history says otherwise")
        if refused == allowed(call, before, self.primary):
            self.fault(f"rule: {call.what} {call.tag} while {before} owned: refused: {refused}")
        if not refused and after != owner_after(call, before):
            self.fault(f"rule: {call.what} {call.tag} while {before} owned left it with {after}")

    def order(self):
        """Gives each call the earliest place that it can have: after that of any call that ended before it began. What has
        an entry has that one's place; a read, and what changed nothing, stands after the first one that makes it true."""
        ended, least = [], 0  # a heap of (when, place) of calls whose end is not reached yet
        for call in sorted(self.calls, key=lambda call: call.began):
            while ended and ended[0][0] < call.began:
                least = max(least, heapq.heappop(ended)[1])
            place = self.places.get(call.tag)
            if place is not None:
                if place <= least:
                    self.fault(f"order: {call.what} {call.tag} stands at {place}, and began when {least} was seen")
            elif call.accepted is None:
                continue
            else:
                if self.leaves_trace(call):
                    continue  # it is lost, which is said already
                place = next((at for at in range(least, len(self.owners)) if self.is_true(call, self.owners[at])), None)
                if place is None:
                    self.fault(f"stale: {call.what} {call.tag} (owner {call.owner}) is true nowhere from {least} on")
                    continue
            heapq.heappush(ended, (call.ended, place))

    @staticmethod
    def leaves_trace(call):
        """Changes and refusals do; reads do not, nor what is accepted and may change nothing."""
        return call.what != "read" and (call.what in ("pass", "release") or call.accepted is False)

    def is_true(self, call, owner):
        if call.what == "read":
            return call.owner == owner
        return allowed(call, owner, self.primary) and owner_after(call, owner) == owner


def owner_in(entry, name):
    return None if entry[name] is None else str(entry[name])
