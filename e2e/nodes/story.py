"""What happens to the nodes and their database."""

import signal
import time

from node import LEASE, Broken

# What looking for it, and a busy machine, add.
SLACK = 1.5
# What a node that hangs in the middle of a transaction adds: as long as PostgreSQL leaves it open.
HANGS = 1.0
# Longer than a node's patience with a transaction.
OUT_OF_PATIENCE = 9.0


def delivered_by(asked):
    """Streams by node name, and those that nobody delivers, as a node says; nothing: it cannot say."""
    try:
        status, said = asked.ask("GET", "/baton/v1/nodes", timeout=5)
    except OSError:
        return None
    if status >= 500:
        return None
    if status != 200:
        raise Broken(f"the nodes were asked for, and the answer is {status}: {said}")
    return {node["name"]: node["streams"] for node in said["nodes"] if node["there"]}, said["undelivered"]


def wait_for_takeover(asked, gone, since, faults, most=LEASE + SLACK):
    """Until nobody but those that are left delivers, and all that was delivered is; how long that took."""
    while True:
        found = delivered_by(asked)
        took = time.monotonic() - since
        if found and f"node-{gone.number}" not in found[0] and not found[1]:
            if took > most:
                faults.append(f"takeover: what node {gone.number} left was delivered after {took:.1f} s")
            return took
        if took > 4 * LEASE:
            faults.append(f"takeover: after {took:.1f} s not all is delivered: {found}")
            return took
        time.sleep(0.05)


def wait_for_shares(nodes, faults):
    """Until the streams are spread evenly."""
    deadline = time.monotonic() + 5 * LEASE
    while True:
        found = delivered_by(nodes[0])
        if found and not found[1]:
            counts = sorted(len(streams) for streams in found[0].values())
            if len(counts) == len(nodes) and counts[-1] - counts[0] <= 1:
                return
        if time.monotonic() > deadline:
            faults.append(f"shares: the streams were never spread evenly: {found}")
            return
        time.sleep(0.05)


class Story:
    def __init__(self, nodes, database, ledger, dice):
        self.nodes, self.database, self.ledger, self.dice = nodes, database, ledger, dice
        self.faults, self.resumed, self.told = [], [], []

    def another(self, than):
        return next(node for node in self.nodes if node is not than)

    def disturbed(self):
        """Something happens, now: what is repeated after that, nobody need have been paused for."""
        now = time.monotonic()
        self.ledger.disturbed = min(self.ledger.disturbed, now)
        for one in self.resumed:
            one[2] = min(one[2], now)
        return now

    def begin(self):
        """Nothing happens for a while, in which nothing may come twice."""
        time.sleep(2)

    def kill(self, node):
        since = self.disturbed()
        node.signal(signal.SIGKILL)
        took = wait_for_takeover(self.another(node), node, since, self.faults)
        self.told.append(f"node {node.number} was killed, its streams delivered again after {took:.1f} s")
        node.start()
        wait_for_shares(self.nodes, self.faults)

    def stop(self, node):
        """As it should be: the others need not wait for its lease to end."""
        since = self.disturbed()
        node.signal(signal.SIGTERM)
        if node.process.wait(30) != 0:
            self.faults.append(f"stop: node {node.number} ended with {node.process.returncode}")
        took = wait_for_takeover(self.another(node), node, since, self.faults, LEASE / 2)
        self.told.append(f"node {node.number} was stopped, its streams delivered again after {took:.1f} s")
        node.start()
        wait_for_shares(self.nodes, self.faults)

    def pause(self, node, seconds):
        since = self.disturbed()
        node.signal(signal.SIGSTOP)
        took = wait_for_takeover(self.another(node), node, since, self.faults, LEASE + HANGS + SLACK)
        time.sleep(max(0, seconds - (time.monotonic() - since)))
        self.resumed.append([node.number, time.monotonic(), float("inf")])
        node.signal(signal.SIGCONT)
        self.told.append(f"node {node.number} was paused for {seconds:.0f} s, its streams delivered after {took:.1f} s")
        wait_for_shares(self.nodes, self.faults)

    def cut_from_database(self, node, seconds):
        since = self.disturbed()
        node.wires.pull("database")
        took = wait_for_takeover(self.another(node), node, since, self.faults, LEASE + HANGS + SLACK)
        time.sleep(max(0, seconds - (time.monotonic() - since)))
        if node.is_ready():
            self.faults.append(f"ready: node {node.number} does not reach the database, and says that it is ready")
        node.wires.plug_in("database")
        self.told.append(f"node {node.number} did not reach the database, its streams delivered after {took:.1f} s")
        wait_for_shares(self.nodes, self.faults)

    def cut_from_receivers(self, node, seconds):
        """It goes on to answer calls, and its streams stay its own: they wait."""
        since = self.disturbed()
        node.wires.pull("receivers")
        time.sleep(seconds)
        with self.ledger.lock:
            before = len(self.ledger.undelivered())
        if not before:
            self.faults.append(f"cut: node {node.number} did not reach the receivers, and nothing waited")
        node.wires.plug_in("receivers")
        with self.ledger.lock:
            acknowledged = set(self.ledger.acknowledged)
            self.ledger.lock.wait_for(lambda: not self.waits(acknowledged), timeout=60)
            if left := self.waits(acknowledged):
                self.faults.append(f"cut: 60 s after node {node.number} reached the receivers again, {left} webhooks wait")
        took = time.monotonic() - since - seconds
        self.told.append(
            f"node {node.number} did not reach the receivers for {seconds:.0f} s, all {before} webhooks arrived {took:.1f} s later"
        )
        wait_for_shares(self.nodes, self.faults)

    def waits(self, acknowledged):
        return sum(key in acknowledged for key, _ in self.ledger.undelivered())

    def crash(self):
        self.disturbed()
        self.database.crash_and_come_back()
        self.told.append("the database crashed and came back")
        wait_for_shares(self.nodes, self.faults)

    def fail_over(self, seconds):
        """The replica hears nothing for a while, then the server that writes is gone and the replica takes its place."""
        self.disturbed()
        self.database.way.cut()
        time.sleep(seconds)
        since = time.monotonic()
        self.database.fail_over()
        wait_for_shares(self.nodes, self.faults)
        took = time.monotonic() - since
        self.told.append(f"the replica, cut off for {seconds:.0f} s, took the database's place, all delivered after {took:.1f} s")
        self.database.have_followed()
