"""The PostgreSQL of a run of nodes: a server that writes, and one that follows it and can take its place."""

import socket
import subprocess
import threading

from postgres import Server
from programs import free_port


class Database:
    """The server that nodes use, `writer`, and one that has whatever it confirms, `replica`; they can change places.

    With `synchronous` false the replica merely follows, and what was confirmed last may not be there.
    """

    def __init__(self, folder, listen="127.0.0.1", synchronous=True):
        self.synchronous = synchronous
        self.servers = [Server(folder / name, free_port(), listen) for name in ("postgres-1", "postgres-2")]
        self.writer, self.replica = self.servers
        self.writer.make()
        self.writer.start()
        self.writer.run("createdb", *self.writer.address, "baton")
        self.way = None
        self.have_followed()

    def have_followed(self):
        """Gives the writer its replica; from then on it confirms what both have."""
        self.way = Way(self.writer.port)
        self.replica.follow(self.way.port)
        self.replica.start()
        if self.synchronous:
            self.writer.tell("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")

    def crash_and_come_back(self):
        self.writer.crash()
        self.writer.start()

    def fail_over(self):
        """The writer is gone, and its replica writes, which nobody follows yet."""
        self.writer.crash()
        self.way.close()
        self.replica.promote()
        self.writer, self.replica = self.replica, self.writer
        # As whatever watches over the two would do: there is no replica to wait for.
        self.writer.tell("ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")

    def stop(self):
        for server in self.servers:
            try:
                server.crash()
            except subprocess.CalledProcessError:
                pass  # it was not started, or is gone already


class Way:
    """A way to a server of this machine which can be cut: then nothing gets through, and nobody is told."""

    def __init__(self, port):
        self.to = port
        self.open = threading.Event()
        self.open.set()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                here, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.join, args=(here,), daemon=True).start()

    def join(self, here):
        self.open.wait()
        try:
            there = socket.create_connection(("127.0.0.1", self.to))
        except OSError:
            here.close()
            return
        for one, other in ((here, there), (there, here)):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.pump, args=(one, other), daemon=True).start()

    def pump(self, one, other):
        try:
            while piece := one.recv(65536):
                self.open.wait()
                other.sendall(piece)
        except OSError:
            pass
        for side in (one, other):
            try:
                side.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        self.open.clear()

    def close(self):
        """Whatever was held up is never handed on."""
        self.listener.close()
