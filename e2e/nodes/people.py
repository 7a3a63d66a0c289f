"""Who keeps the nodes busy: people who write, and have control passed on; and apps that contend for control."""

import http.client
import itertools
import random
import threading
import time

from control import Call
from ledger import text_of
from node import Broken

PAGE = "2001"
APPS = ["700000000000001", "700000000000002", "700000000000003"]
# Messages of one person on their way at most: the receivers keep up.
ON_THE_WAY = 10


class Busy(threading.Thread):
    """Somebody who does one thing after another until the run stops."""

    def __init__(self, name, nodes, stop, seed):
        super().__init__(name=name, daemon=True)
        self.nodes, self.stop, self.dice = nodes, stop, random.Random(seed)
        self.fault = None

    def run(self):
        try:
            self.begin()
            while not self.stop.is_set():
                self.do_next()
        except Exception as error:  # a thread's fault is the run's fault, told by the main thread
            self.fault = error

    def begin(self):
        """What comes first."""

    def until_answered(self, ask):
        """Asks one node after another; nothing but an answer ends it. With how often it asked."""
        for asked in itertools.count(1):
            try:
                status, said = ask(self.dice.choice(self.nodes))
                if status < 500:
                    return status, said, asked
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.01)

    def write(self, person, number):
        """The message id that it got."""
        event = {"type": "message", "message": {"text": text_of(person, number)}, "event_id": f"{person}-{number}"}
        path = f"/baton/v1/pages/{PAGE}/people/{person}/events"
        status, said, _ = self.until_answered(lambda node: node.ask("POST", path, event, timeout=5))
        if status != 200:
            raise Broken(f"{event['event_id']} was answered with {status}: {said}")
        return said["message_id"]


class Person(Busy):
    """Writes one message after another to any node, and has control passed on now and then, each until it is answered."""

    def __init__(self, name, nodes, ledger, stop, seed):
        super().__init__(name, nodes, stop, seed)
        self.ledger, self.owner, self.number = ledger, APPS[0], 0
        # A call of theirs was not answered: a node that wakes may do it yet, if they own the conversation then.
        self.doubtful = set()

    def do_next(self):
        with self.ledger.lock:
            self.ledger.lock.wait_for(
                lambda: self.stop.is_set() or self.ledger.behind(self.name) < ON_THE_WAY, timeout=1
            )
            if self.ledger.behind(self.name) >= ON_THE_WAY:
                return
        self.number += 1
        self.ledger.wrote(self.name, self.number, self.owner)
        self.ledger.acknowledge(self.name, self.number, self.write(self.name, self.number))
        if self.dice.random() < 0.2:
            self.pass_on()
        time.sleep(self.dice.uniform(0, 0.05))

    def pass_on(self):
        """The owner passes control. Whether a call that was not answered was done, the thread tells."""
        others = [app for app in APPS if app != self.owner and app not in self.doubtful]
        if not others:
            return
        to = self.dice.choice(others)
        body = {"recipient": {"id": self.name}, "target_app_id": to, "access_token": token_of(self.owner)}
        status, said, asked = self.until_answered(
            lambda node: node.ask("POST", "/v25.0/me/pass_thread_control", body, timeout=5)
        )
        if asked > 1:
            self.doubtful.add(self.owner)
        owners = {self.owner_at(node) for node in self.nodes if node.process.poll() is None}
        owners.discard(None)
        if owners - {to}:
            raise Broken(f"{self.name} was passed to {to} ({status} {said}), and nodes say {owners}")
        self.owner = to

    def owner_at(self, node):
        """Who has control, as a node says; None: it does not answer now."""
        try:
            status, said = node.ask("GET", f"/baton/v1/pages/{PAGE}/threads/{self.name}", timeout=1)
        except (OSError, http.client.HTTPException):
            return None
        return str(said["owner_app_id"]) if status == 200 else None


class Contender(Busy):
    """An app that passes, takes, requests, releases and asks whose a conversation is, which others do at the same time.
    Each call is made once, at any node, and taken down with what is known of its end."""

    def __init__(self, app, person, nodes, calls, stop, seed):
        super().__init__(f"{app} with {person}", nodes, stop, seed)
        self.app, self.person, self.calls, self.number = app, person, calls, 0

    def begin(self):
        self.write(self.person, 1)

    def do_next(self):
        self.number += 1
        what = self.dice.choice(["pass", "pass", "take", "request", "release", "read", "read"])
        target = self.dice.choice([app for app in APPS if app != self.app]) if what == "pass" else None
        call = Call(what, self.app, target, f"{self.app}-{self.number}", began=time.monotonic())
        self.calls[self.person].append(call)
        try:
            status, said = self.ask(call, self.dice.choice(self.nodes))
            # Code 2: whether it was done is not known.
            if status == 200:
                call.ended, call.accepted = time.monotonic(), True
                call.owner = read_owner(said) if what == "read" else None
            elif status < 500 and said["error"]["code"] != 2:
                call.ended, call.accepted = time.monotonic(), False
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(self.dice.uniform(0, 0.1))

    def ask(self, call, node):
        if call.what == "read":
            return node.ask("GET", f"/baton/v1/pages/{PAGE}/threads/{self.person}", timeout=5)
        body = {"recipient": {"id": self.person}, "metadata": call.tag, "access_token": token_of(self.app)}
        if call.target:
            body["target_app_id"] = call.target
        return node.ask("POST", f"/v25.0/me/{call.what}_thread_control", body, timeout=10)


def read_owner(said):
    return None if said["owner_app_id"] is None else str(said["owner_app_id"])


def token_of(app):
    return f"EAA-{PAGE}-{app}"
