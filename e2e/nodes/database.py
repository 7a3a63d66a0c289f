"""A PostgreSQL for the length of a run, and ways to it that can be cut."""

import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import threading

from programs import free_port


def programs():
    """Where PostgreSQL's programs are: Debian keeps them out of PATH."""
    versions = pathlib.Path("/usr/lib/postgresql")
    found = sorted((int(one.name) for one in versions.glob("*") if one.name.isdigit()), reverse=True)
    for version in found:
        if version >= 15 and (versions / str(version) / "bin" / "initdb").exists():
            return versions / str(version) / "bin"
    in_path = shutil.which("initdb")
    if in_path:
        return pathlib.Path(in_path).parent
    raise SystemExit("PostgreSQL 15 or newer is missing: on Debian, apt-get install postgresql")


class Database:
    """A server on a port of this machine. What it confirms is on disk."""

    def __init__(self, folder):
        self.folder, self.programs, self.port = folder / "postgres", programs(), free_port()
        self.folder.mkdir()
        # It refuses root.
        self.user = "postgres" if os.geteuid() == 0 else None
        if self.user:
            folder.chmod(0o755)
            shutil.chown(self.folder, self.user, pwd.getpwnam(self.user).pw_gid)
        self.run("initdb", "--auth=trust", "--username=baton", "--encoding=UTF8", "--locale=C", "-D", self.data)
        self.start()
        self.run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "baton", "baton")

    @property
    def data(self):
        return str(self.folder / "data")

    def run(self, program, *arguments):
        subprocess.run(
            [self.programs / program, *arguments],
            check=True,
            user=self.user,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def start(self):
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200"
        self.run("pg_ctl", "start", "-w", "-s", "-D", self.data, "-o", options, "-l", str(self.folder / "log"))

    def crash_and_come_back(self):
        """Ends it as a power cut does, in the middle of whatever it does, and starts it again."""
        self.run("pg_ctl", "stop", "-w", "-s", "-m", "immediate", "-D", self.data)
        self.start()

    def stop(self):
        self.run("pg_ctl", "stop", "-w", "-s", "-m", "immediate", "-D", self.data)


class Way:
    """A way to the database of one node, which can be cut: then nothing gets through, and nobody is told."""

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

    def mend(self):
        self.open.set()
