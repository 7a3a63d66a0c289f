"""A newer version takes the nodes' place, one after another, while people write: its schema is a step further, and the older
nodes, running or started anew, go on with that until their turn comes."""

import http.client
import signal
import threading
import time

from node import LEASE, Broken
from people import PAGE
from story import wait_for_shares

# A step of the next version: it takes its time in the middle, as it does where tables are large, and goes through them in
# an order of its own.
ADDS = """-- needs 1
ALTER TABLE baton.journal ADD COLUMN noted_at timestamptz;
CREATE INDEX control_by_rule ON baton.control (stream, rule);
SELECT pg_sleep(1);
ALTER TABLE baton.threads ADD COLUMN noted integer NOT NULL DEFAULT 0;
ALTER TABLE baton.cursors ADD COLUMN noted bigint NOT NULL DEFAULT 0;
ALTER TABLE baton.leases ADD COLUMN place text;
ALTER TABLE baton.nodes ADD COLUMN place text;
ALTER TABLE baton.delivery_health ADD COLUMN noted bigint NOT NULL DEFAULT 0;
ALTER TABLE baton.streams ADD COLUMN noted bigint NOT NULL DEFAULT 0;
CREATE TABLE baton.notes (
    stream   integer NOT NULL,
    position bigint  NOT NULL,
    note     text    NOT NULL,
    PRIMARY KEY (stream, position)
);
"""
# One that no version may have: what an older one reads is called otherwise.
TAKES_AWAY = """-- needs 1
ALTER TABLE baton.threads RENAME COLUMN last_message_at TO newest_at;
"""
# A step of the version after that, with which today's does not go on.
LATER = """-- needs 2
ALTER TABLE baton.notes ADD COLUMN by_app bigint;
"""
# What the step takes by itself, what is waited for a backup at once, and what a busy machine adds.
MOST_SILENCE = 1 + 2 + 2
# A backup reads a table for so long.
BACKUP = ["BEGIN", "LOCK TABLE baton.journal IN ACCESS SHARE MODE", "SELECT pg_sleep(4)", "COMMIT"]


class Silence(threading.Thread):
    """The longest time for which nobody was acknowledged anything."""

    def __init__(self, ledger):
        super().__init__(daemon=True)
        self.ledger, self.longest, self.ends = ledger, 0.0, threading.Event()

    def run(self):
        known, since = len(self.ledger.acknowledged), time.monotonic()
        while not self.ends.wait(0.01):
            self.longest = max(self.longest, time.monotonic() - since)
            if len(self.ledger.acknowledged) != known:
                known, since = len(self.ledger.acknowledged), time.monotonic()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ends.set()
        self.join()


class Upgrade:
    def __init__(self, story, program, folder):
        self.story, self.program, self.folder = story, program, folder

    def version(self, name, **steps):
        """The environment of the program whose schema has these steps too."""
        folder = self.folder / name
        folder.mkdir()
        for step, sql in steps.items():
            (folder / f"{step.removeprefix('step_')}.sql").write_text(sql)
        return {"NEXT_STEPS": str(folder)}

    def happens(self):
        story, (first, second, third) = self.story, self.story.nodes
        older, of_older = second.program, dict(second.more)
        newer = self.version("newer", step_0002_adds=ADDS)
        backup = threading.Thread(target=story.database.writer.tell, args=BACKUP)
        backup.start()
        with Silence(story.ledger) as silence:
            self.replace(first, newer)
        backup.join()
        story.told.append(f"the schema went a step further; the longest time in which nobody was answered: {silence.longest:.1f} s")
        if silence.longest > MOST_SILENCE:
            story.faults.append(f"upgrade: for {silence.longest:.1f} s nobody was answered")
        if "others use the tables" not in first.said():
            story.faults.append("upgrade: a backup was in the way, and the newer node did not say so")
        self.goes_on(second)
        self.goes_on(third)
        # One of the older version is started on the newer schema, and shares with the others.
        story.kill(second)
        self.goes_on(second)
        for node in (second, third):
            self.replace(node, newer)
            self.goes_on(node)
        newest = self.version("newest", step_0002_adds=ADDS, step_0003_later=LATER)
        self.replace(first, newest)
        self.goes_on(second)
        self.is_refused(third, older, of_older, newest)
        self.replace(second, newest)
        for node in story.nodes:
            self.goes_on(node)
        story.told.append("nodes of three versions, two at a time; the oldest was refused where the schema says so")

    def takes_away(self):
        """What must not be: the run must find out."""
        first, second, _ = self.story.nodes
        self.replace(first, self.version("newer", step_0002_takes_away=TAKES_AWAY), shares=False)
        self.goes_on(second)

    def replace(self, node, version, shares=True):
        """Stops a node as it should be, and starts the other program in its place."""
        self.story.disturbed()
        node.signal(signal.SIGTERM)
        if node.process.wait(30) != 0:
            self.story.faults.append(f"stop: node {node.number} ended with {node.process.returncode}")
        node.program, node.more = self.program, version
        node.start()
        if shares:
            wait_for_shares(self.story.nodes, self.story.faults)

    def goes_on(self, node):
        """It takes a message within a lease, and all that was acknowledged before arrives."""
        deadline, said = time.monotonic() + LEASE, None
        event = {"type": "message", "message": {"text": "hello"}}
        while said != 200:
            if time.monotonic() > deadline:
                self.story.faults.append(f"upgrade: node {node.number} takes no message: {said}")
                return
            try:
                said = node.ask("POST", f"/baton/v1/pages/{PAGE}/people/visitor/events", event, timeout=LEASE)[0]
            except (OSError, http.client.HTTPException) as error:
                said = error
        ledger = self.story.ledger
        with ledger.lock:
            acknowledged = set(ledger.acknowledged)
            if not ledger.lock.wait_for(lambda: not self.story.waits(acknowledged), timeout=5 * LEASE):
                self.story.faults.append(f"upgrade: {self.story.waits(acknowledged)} webhooks do not arrive")

    def is_refused(self, node, older, of_older, newest):
        """A program that the schema is too new for says so when it starts, and leaves everything as it is."""
        node.signal(signal.SIGTERM)
        node.process.wait(30)
        node.program, node.more = older, of_older
        try:
            node.start()
            self.story.faults.append(f"upgrade: node {node.number} started, and cannot go on with this schema")
        except Broken:
            pass
        if "it was made by a newer baton (schema 3, and this one knows 1)" not in node.said():
            self.story.faults.append(f"upgrade: node {node.number} does not say why it did not start")
        node.program, node.more = self.program, newest
        node.start()
        wait_for_shares(self.story.nodes, self.story.faults)
