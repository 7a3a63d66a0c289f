"""Several nodes over one PostgreSQL with a synchronous replica: three processes share the load while one is killed and comes
back, one is paused for longer than its lease and goes on, and the database fails over. With --long a node is paused for
a minute, the database crashes, and a node is cut from the database, another from the receivers (where no network namespace can
be made, it says so and does all but the last two).

Every message that was acknowledged must reach all three apps, in the order in which each person wrote, and be in its
conversation; nobody may be told of an owner who is not; streams are taken over within the lease; and a node that was paused
may repeat one webhook of a conversation. Apps contend for control at all nodes: what they were answered must be
what can have happened one after another (`control.py`).

    python3 e2e/nodes/run.py
    python3 e2e/nodes/run.py --long --rounds 3 --seed 7
    python3 e2e/nodes/run.py --upgrade            # newer versions take the nodes' place, one after another
    python3 e2e/nodes/run.py --broken replica     # and each other one: the run must find out
"""

import argparse
import collections
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))

import broken
from control import Verdict
from database import Database
from ledger import Ledger
from node import LEASE, TOKEN, Broken, Node
from people import APPS, PAGE, Contender, Person, token_of
from programs import program_of
from receivers import VERIFY_TOKEN, Witness
from story import OUT_OF_PATIENCE, Story, wait_for_shares
from upgrade import Upgrade
from wires import Cables, Loopback, go_inside

FIELDS = ["messages", "messaging_handovers", "standby"]
# Conversations that all apps contend for.
CONTESTED = [f"contested-{number}" for number in range(1, 4)]


def routing(receivers):
    lines = []
    for receiver in receivers:
        lines += ["[[apps]]", f'id = "{receiver.app}"', f'name = "App {receiver.app}"', 'secret = "of-an-app"']
        lines += [f'webhook_url = "{receiver.url}"', f'verify_token = "{VERIFY_TOKEN}"', ""]
    lines += ["[[pages]]", f'id = "{PAGE}"', 'name = "Shop"', f'messenger.primary_receiver = "App {APPS[0]}"']
    for app in APPS:
        lines += ["[[pages.connections]]", f'app = "App {app}"', f'token = "{token_of(app)}"']
        lines += [f"fields = {json.dumps(FIELDS)}"]
    return "\n".join(lines)


class Play:
    def __init__(self, arguments, folder):
        self.arguments, self.folder = arguments, folder
        self.dice = random.Random(arguments.seed)
        wires = Cables if arguments.cables else Loopback
        listen = "*" if arguments.cables else "127.0.0.1"
        self.database = Database(folder, listen, synchronous=arguments.broken != "replica")
        self.nodes = [
            Node(number, arguments.baton, folder, wires(number), self.database.servers, broken.user(arguments, number))
            for number in (1, 2, 3)
        ]
        self.ledger, self.stop, self.calls = Ledger(APPS), threading.Event(), collections.defaultdict(list)
        self.receivers = [Witness(app, self.ledger, self.nodes, wires) for app in APPS]
        self.story = Story(self.nodes, self.database, self.ledger, self.dice)
        self.upgrade = Upgrade(self.story, arguments.next, folder)
        names = [f"person-{one}" for one in range(arguments.people)]
        self.busy = [Person(name, self.nodes, self.ledger, self.stop, self.dice.random()) for name in names]
        self.busy += [
            Contender(app, person, self.nodes, self.calls, self.stop, self.dice.random())
            for person in CONTESTED
            for app in APPS
        ]

    def all_of_it(self):
        try:
            self.begin()
            if self.arguments.broken:
                broken.happens(self.arguments, self.story, self.upgrade)
            elif self.arguments.upgrade:
                self.upgrade.happens()
            else:
                for number in range(self.arguments.rounds):
                    self.round(number)
            time.sleep(1)
            self.end()
        except (Broken, OSError, subprocess.CalledProcessError) as error:
            self.story.faults.append(f"run: {error}")
        finally:
            self.stop.set()
            for node in self.nodes:
                node.stop()
            for receiver in self.receivers:
                receiver.shutdown()
            self.database.stop()
        faults, twice = self.ledger.verdict(self.story.resumed)
        return self.story.faults + faults, twice

    def begin(self):
        for number, node in enumerate(self.nodes):
            node.start()
            if number == 0:
                broken.prepare(self.arguments, self.database)
        (self.folder / "routing.toml").write_text(routing(self.receivers))
        applied = [self.arguments.baton, "apply", "-f", self.folder / "routing.toml", "--token", TOKEN]
        subprocess.run([*map(str, applied), "--server", self.nodes[0].url], check=True, stdout=subprocess.DEVNULL)
        if not self.arguments.broken:
            wait_for_shares(self.nodes, self.story.faults)
        for one in self.busy:
            one.start()
        self.story.begin()

    def round(self, number):
        story, any_node = self.story, lambda: self.dice.choice(self.nodes)
        story.kill(any_node())
        is_first = number == 0
        story.pause(any_node(), 60 if self.arguments.long and is_first else 2 * LEASE)
        # A node gives up what waits for the replica for so long.
        story.fail_over(OUT_OF_PATIENCE if self.arguments.long else 1)
        if self.arguments.long:
            story.stop(any_node())
            story.crash()
        if self.arguments.cables:
            story.cut_from_receivers(any_node(), 2 * LEASE)
            story.cut_from_database(any_node(), 2 * LEASE)

    def end(self):
        self.stop.set()
        with self.ledger.lock:
            self.ledger.lock.notify_all()
        until = time.monotonic() + (5 if self.arguments.broken else 60)
        for one in self.busy:
            one.join(max(0, until - time.monotonic()))
            if one.fault or one.is_alive():
                self.story.faults.append(f"{one.name}: {one.fault or 'it still waits for an answer'}")
        self.ledger.wait_until_delivered(2 if self.arguments.broken else 20)
        node = self.nodes[0]
        for person in [one.name for one in self.busy if isinstance(one, Person)]:
            said = node.all_of(f"/baton/v1/pages/{PAGE}/threads/{person}/messages")
            self.story.faults += self.ledger.not_in(person, [one["message_id"] for one in reversed(said)])
        for person, calls in self.calls.items():
            history = node.all_of(f"/baton/v1/pages/{PAGE}/threads/{person}/history")
            self.story.faults += Verdict(person, calls, history[::-1], APPS[0]).of()

    def told(self):
        calls = [call for calls in self.calls.values() for call in calls]
        done = sum(call.accepted is not None for call in calls)
        yield from self.story.told
        yield f"{len(self.ledger.acknowledged)} messages acknowledged, {len(calls)} calls of control, {done} answered"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--people", type=int, default=24)
    parser.add_argument("--long", action="store_true", help="more happens, some of it only where network namespaces can be made")
    parser.add_argument("--upgrade", action="store_true", help="instead, newer versions with schemas of their own take the nodes' place")
    parser.add_argument("--next", help="the program of a newer version; else examples/next_version beside the program")
    parser.add_argument("--broken", choices=broken.WAYS, help="something does not do what it should: the run must find out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--baton", default=os.environ.get("BATON_BIN"), help="the program; $BATON_BIN, else target/…")
    arguments = parser.parse_args()
    arguments.baton = program_of(arguments.baton)
    arguments.next = pathlib.Path(arguments.next or arguments.baton.parent / "examples" / "next_version")
    if (arguments.upgrade or arguments.broken == "step") and not arguments.next.exists():
        sys.exit(f"no program at {arguments.next}: build it with `cargo build --workspace --example next_version`")
    why_not = go_inside() if arguments.long else None
    arguments.cables = arguments.long and not why_not
    if why_not:
        print(f"no cable is pulled: no network namespace can be made here ({why_not}); all else is played", flush=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="baton-nodes-"))
    began = time.monotonic()
    play = Play(arguments, folder)
    faults, twice = play.all_of_it()
    print(f"seed {arguments.seed}, {time.monotonic() - began:.0f} s")
    for line in [*play.told(), *faults[: 3 if arguments.broken else 15]]:
        print(f"  {line}")
    print(f"{twice} webhooks twice, {len(faults)} faults")
    if arguments.broken:
        faults = broken.verdict(arguments, faults)
    if faults:
        print(f"what is left lies in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
