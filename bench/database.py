"""A PostgreSQL of a run, and what it does by itself: `pgbench -N`."""

import sys

from programs import ROOT, free_port

sys.path.append(str(ROOT / "e2e"))

from postgres import Server

# Clients of pgbench, of which the best counts, and the size of its tables: its branches are locked by nobody with -N.
CLIENTS = (16, 64)
SCALE = 20


class Database:
    """An empty server as `initdb` sets it up, but for connections, memory and the size of its log; what it confirms is on disk."""

    def __init__(self, ground):
        self.server = Server(ground.folder / "postgres", free_port())
        self.server.make()
        self.server.start("-c shared_buffers=1GB -c max_wal_size=4GB")
        ground.stack.callback(self.server.crash)

    def make(self, name):
        self.server.run("createdb", *self.server.address, name)
        return f"postgres://baton@127.0.0.1:{self.server.port}/{name}?sslmode=disable"

    def pgbench(self, seconds):
        """The most transactions in a second that any number of clients gets."""
        self.make("pgbench")
        address = [*self.server.address, "pgbench"]
        self.server.run("pgbench", "-i", "-q", "-s", SCALE, *address)
        best = 0.0
        for clients in CLIENTS:
            words = ["-N", "-n", "-M", "prepared", "-c", clients, "-j", 2, "-T", max(1, round(seconds))]
            said = self.server.said("pgbench", *words, *address)
            line = next(line for line in said.splitlines() if line.startswith("tps ="))
            best = max(best, float(line.split()[2]))
        return best

    def settle(self):
        """What was filled in is in the files, so that nothing of it is written while something else is measured."""
        self.server.tell("CHECKPOINT", database="postgres")
