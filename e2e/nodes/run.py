"""Several nodes over one PostgreSQL: three processes share the load while one is killed and comes back, one is paused for
longer than its lease and goes on, and, with --long, the database crashes and a node's way to it is cut. Every message that
was acknowledged must reach all three apps, in the order in which each person wrote; nobody may be told of an owner who is
not; streams are taken over within the lease; and a node that was paused may repeat one webhook of a conversation.

    python3 e2e/nodes/run.py
    python3 e2e/nodes/run.py --long --rounds 3 --seed 7
"""

import argparse
import http.client
import http.server
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))

from database import Database, Way
from ledger import Ledger, text_of
from programs import free_port, program_of

TOKEN = "operator-of-the-nodes"
PAGE = "2001"
LEASE = 4.0
# What looking for it, and a busy machine, add.
SLACK = 1.5
APPS = ["700000000000001", "700000000000002", "700000000000003"]
FIELDS = ["messages", "messaging_handovers", "standby"]
# Messages of one person on their way at most: the receivers keep up.
ON_THE_WAY = 10


class Broken(Exception):
    """A node did not start, or answered what it never should."""


class Node:
    def __init__(self, number, program, folder, database):
        self.number, self.program, self.database = number, program, database
        self.data = folder / f"node-{number}"
        self.log = open(folder / f"node-{number}.log", "ab")
        self.port = free_port()
        self.way = Way(database.port)
        self.process = None

    def start(self):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("BATON_")}
        environment |= {
            "BATON_DATABASE": f"postgres://baton@127.0.0.1:{self.way.port}/baton?sslmode=disable",
            "BATON_OPERATOR_TOKEN": TOKEN,
            "BATON_NODE": f"node-{self.number}",
            "BATON_LEASE": f"{int(LEASE)}s",
            "BATON_DELIVERY__ALLOW_ADDRESSES": "127.0.0.0/8",
        }
        command = [self.program, "serve", "--data", self.data, "--listen", f"127.0.0.1:{self.port}"]
        self.process = subprocess.Popen(
            [*map(str, command)], env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise Broken(f"node {self.number} ended with {self.process.returncode}")
            try:
                if self.ask("GET", "/readyz")[0] == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.02)
        raise Broken(f"node {self.number} was not ready after 30 s")

    def ask(self, method, path, body=None, timeout=15):
        """A status and what was answered."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            said = answer.read()
            return answer.status, json.loads(said) if said[:1] in (b"{", b"[") else said
        finally:
            connection.close()

    def signal(self, what):
        self.process.send_signal(what)
        if what == signal.SIGKILL:
            self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
        self.log.close()


class Receiver(http.server.ThreadingHTTPServer):
    """An app: answers the handshake, takes down every body with the node that sent it, answers 200."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, app, ledger, nodes):
        super().__init__(("127.0.0.1", 0), ReceiverHandler)
        self.app, self.ledger, self.nodes = app, ledger, nodes
        self.url = f"http://127.0.0.1:{self.server_port}/webhook"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """Connections break when a node is killed: nothing to say."""

    def sender(self, port):
        """Whose connection it is, by the socket that its process has open."""
        wanted = f"0100007F:{port:04X}"
        for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[1] == wanted:
                name = f"socket:[{fields[9]}]"
                for node in self.nodes:
                    if node.process and has_open(node.process.pid, name):
                        return node.number
        return None


def has_open(process, name):
    try:
        return any(os.readlink(one.path) == name for one in os.scandir(f"/proc/{process}/fd"))
    except OSError:
        return False


class ReceiverHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    node = None

    def do_GET(self):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        self.answer(query.get("hub.challenge", ""))

    def do_POST(self):
        if self.node is None:
            self.node = self.server.sender(self.client_address[1])
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.ledger.arrived(self.server.app, body, self.node, time.monotonic())
        self.answer("")

    def answer(self, text):
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


class Person(threading.Thread):
    """Writes one message after another to any node, and has control passed on now and then, each until it is answered."""

    def __init__(self, name, nodes, ledger, stop, seed):
        super().__init__(daemon=True)
        self.name, self.nodes, self.ledger, self.stop = name, nodes, ledger, stop
        self.dice = random.Random(seed)
        self.owner = APPS[0]
        self.fault = None

    def run(self):
        try:
            number = 0
            while not self.stop.is_set():
                with self.ledger.lock:
                    self.ledger.lock.wait_for(
                        lambda: self.stop.is_set() or self.ledger.behind(self.name) < ON_THE_WAY, timeout=1
                    )
                    if self.ledger.behind(self.name) >= ON_THE_WAY:
                        continue
                number += 1
                self.ledger.wrote(self.name, number, self.owner)
                self.ledger.acknowledge(self.name, number, self.write(number))
                if self.dice.random() < 0.2:
                    self.pass_on()
                time.sleep(self.dice.uniform(0, 0.05))
        except Exception as error:  # a thread's fault is the run's fault, raised by the main thread
            self.fault = error

    def until_answered(self, ask):
        """Asks one node after another; nothing but an answer ends it."""
        while True:
            try:
                status, said = ask(self.dice.choice(self.nodes))
                if status < 500:
                    return status, said
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.01)

    def write(self, number):
        event = {"type": "message", "message": {"text": text_of(self.name, number)}, "event_id": f"{self.name}-{number}"}
        path = f"/baton/v1/pages/{PAGE}/people/{self.name}/events"
        status, said = self.until_answered(lambda node: node.ask("POST", path, event, timeout=5))
        if status != 200:
            raise Broken(f"{event['event_id']} was answered with {status}: {said}")
        return said["message_id"]

    def pass_on(self):
        """The owner passes control. Whether a call that was not answered was done, the thread tells."""
        to = self.dice.choice([app for app in APPS if app != self.owner])
        body = {"recipient": {"id": self.name}, "target_app_id": to, "access_token": f"EAA-{PAGE}-{self.owner}"}
        status, said = self.until_answered(lambda node: node.ask("POST", "/v25.0/me/pass_thread_control", body, timeout=5))
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


def routing(receivers):
    lines = []
    for receiver in receivers:
        lines += ["[[apps]]", f'id = "{receiver.app}"', f'name = "App {receiver.app}"', 'secret = "of-an-app"']
        lines += [f'webhook_url = "{receiver.url}"', 'verify_token = "verify"', ""]
    lines += ["[[pages]]", f'id = "{PAGE}"', 'name = "Shop"', f'messenger.primary_receiver = "App {APPS[0]}"']
    for app in APPS:
        lines += ["[[pages.connections]]", f'app = "App {app}"', f'token = "EAA-{PAGE}-{app}"']
        lines += [f"fields = {json.dumps(FIELDS)}"]
    return "\n".join(lines)


def delivered_by(asked):
    """Streams by node name, and those that nobody delivers, as a node says."""
    status, said = asked.ask("GET", "/baton/v1/nodes", timeout=5)
    if status != 200:
        raise Broken(f"the nodes were asked for, and the answer is {status}: {said}")
    return {node["name"]: node["streams"] for node in said["nodes"] if node["there"]}, said["undelivered"]


def wait_for_takeover(asked, gone, since, faults):
    """Until nobody but those that are left delivers, and all that was delivered is; how long that took."""
    while True:
        shares, undelivered = delivered_by(asked)
        took = time.monotonic() - since
        if f"node-{gone.number}" not in shares and not undelivered:
            if took > LEASE + SLACK:
                faults.append(f"takeover: what node {gone.number} left was delivered after {took:.1f} s")
            return took
        if took > 4 * LEASE:
            faults.append(f"takeover: after {took:.1f} s nobody delivers {undelivered}, and there are {list(shares)}")
            return took
        time.sleep(0.05)


def wait_for_shares(nodes, faults):
    """Until the streams are spread evenly."""
    deadline = time.monotonic() + 5 * LEASE
    while True:
        shares, undelivered = delivered_by(nodes[0])
        counts = sorted(len(streams) for streams in shares.values())
        if not undelivered and len(counts) == len(nodes) and counts[-1] - counts[0] <= 1:
            return
        if time.monotonic() > deadline:
            faults.append(f"shares: {shares}, and nobody delivers {undelivered}")
            return
        time.sleep(0.05)


class Story:
    """What happens to the nodes."""

    def __init__(self, nodes, database, dice):
        self.nodes, self.database, self.dice = nodes, database, dice
        self.faults, self.resumed, self.told = [], [], []

    def another(self, than):
        return next(node for node in self.nodes if node is not than)

    def disturbed(self):
        """Something happens, now: what is repeated after that, nobody need have been paused for."""
        now = time.monotonic()
        for one in self.resumed:
            one[2] = min(one[2], now)
        return now

    def kill(self, node):
        since = self.disturbed()
        node.signal(signal.SIGKILL)
        took = wait_for_takeover(self.another(node), node, since, self.faults)
        self.told.append(f"node {node.number} was killed, its streams delivered again after {took:.1f} s")
        node.start()
        wait_for_shares(self.nodes, self.faults)

    def pause(self, node, seconds):
        since = self.disturbed()
        node.signal(signal.SIGSTOP)
        took = wait_for_takeover(self.another(node), node, since, self.faults)
        time.sleep(max(0, seconds - (time.monotonic() - since)))
        self.resumed.append([node.number, time.monotonic(), float("inf")])
        node.signal(signal.SIGCONT)
        self.told.append(f"node {node.number} was paused for {seconds:.0f} s, its streams delivered after {took:.1f} s")
        wait_for_shares(self.nodes, self.faults)

    def cut(self, node, seconds):
        since = self.disturbed()
        node.way.cut()
        took = wait_for_takeover(self.another(node), node, since, self.faults)
        time.sleep(max(0, seconds - (time.monotonic() - since)))
        node.way.mend()
        self.told.append(f"node {node.number} did not reach the database, its streams delivered after {took:.1f} s")
        wait_for_shares(self.nodes, self.faults)

    def crash(self):
        self.disturbed()
        self.database.crash_and_come_back()
        self.told.append("the database crashed and came back")
        wait_for_shares(self.nodes, self.faults)


def play(arguments, folder):
    dice = random.Random(arguments.seed)
    database = Database(folder)
    nodes = [Node(number, arguments.baton, folder, database) for number in (1, 2, 3)]
    ledger, stop = Ledger(APPS), threading.Event()
    receivers = [Receiver(app, ledger, nodes) for app in APPS]
    story = Story(nodes, database, dice)
    people = [Person(f"person-{one}", nodes, ledger, stop, dice.random()) for one in range(arguments.people)]
    try:
        for node in nodes:
            node.start()
        (folder / "routing.toml").write_text(routing(receivers))
        applied = [arguments.baton, "apply", "-f", folder / "routing.toml", "--token", TOKEN]
        subprocess.run(
            [*map(str, applied), "--server", f"http://127.0.0.1:{nodes[0].port}"], check=True, stdout=subprocess.DEVNULL
        )
        wait_for_shares(nodes, story.faults)
        for person in people:
            person.start()
        for _ in range(arguments.rounds):
            time.sleep(1)
            story.kill(dice.choice(nodes))
            story.pause(dice.choice(nodes), arguments.pause)
            if arguments.long:
                story.crash()
                story.cut(dice.choice(nodes), 2 * LEASE)
        time.sleep(1)
        stop.set()
        with ledger.lock:
            ledger.lock.notify_all()
        for person in people:
            person.join(60)
            if person.fault or person.is_alive():
                story.faults.append(f"{person.name}: {person.fault or 'it still waits for an answer'}")
        ledger.wait_until_delivered(20)
    except (Broken, OSError, subprocess.CalledProcessError) as error:
        story.faults.append(str(error))
    finally:
        stop.set()
        for node in nodes:
            node.stop()
        for receiver in receivers:
            receiver.shutdown()
        database.stop()
    faults, twice = ledger.verdict(story.resumed)
    return story.told, len(ledger.acknowledged), story.faults + faults, twice


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--people", type=int, default=24)
    parser.add_argument("--pause", type=float, default=2 * LEASE, help="seconds for which a node is paused")
    parser.add_argument("--long", action="store_true", help="the database crashes too, and a node's way to it is cut")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--baton", default=os.environ.get("BATON_BIN"), help="the program; $BATON_BIN, else target/…")
    arguments = parser.parse_args()
    arguments.baton = program_of(arguments.baton)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="baton-nodes-"))
    began = time.monotonic()
    told, acknowledged, faults, twice = play(arguments, folder)
    print(f"seed {arguments.seed}, {time.monotonic() - began:.0f} s")
    for line in [*told, *faults[:15]]:
        print(f"  {line}")
    print(f"{acknowledged} messages acknowledged, {twice} webhooks twice, {len(faults)} faults")
    if faults:
        print(f"what is left lies in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
