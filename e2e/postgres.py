"""A PostgreSQL for the length of a run, made in a folder of its own: no service is needed, and none is touched."""

import os
import pathlib
import pwd
import shutil
import subprocess


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


class Server:
    """One server on a port of this machine. What it confirms is on its disk."""

    def __init__(self, folder, port, listen="127.0.0.1"):
        self.folder, self.programs, self.port, self.listen = folder, programs(), port, listen
        self.folder.mkdir()
        # It refuses root.
        self.user = "postgres" if os.geteuid() == 0 else None
        if self.user:
            folder.parent.chmod(0o755)
            shutil.chown(self.folder, self.user, pwd.getpwnam(self.user).pw_gid)

    @property
    def data(self):
        return str(self.folder / "data")

    def run(self, program, *arguments):
        self.said(program, *arguments, output=subprocess.DEVNULL)

    def said(self, program, *arguments, output=subprocess.PIPE):
        """What one of PostgreSQL's programs prints."""
        done = subprocess.run(
            [self.programs / program, *map(str, arguments)],
            check=True,
            user=self.user,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.DEVNULL,
        )
        return done.stdout and done.stdout.decode()

    def make(self):
        self.run("initdb", "--auth=trust", "--username=baton", "--encoding=UTF8", "--locale=C", "-D", self.data)
        if self.listen != "127.0.0.1":
            with open(f"{self.data}/pg_hba.conf", "a") as doors:
                doors.write("host all all 10.0.0.0/8 trust\n")

    def follow(self, port):
        """Makes it a copy of the server that is reached at a port, which it goes on to follow."""
        shutil.rmtree(self.data, ignore_errors=True)
        source = f"host=127.0.0.1 port={port} user=baton application_name=replica"
        self.run("pg_basebackup", "-D", self.data, "-R", "-X", "stream", "-c", "fast", "-d", source)

    def start(self, more=""):
        options = f"-p {self.port} -c listen_addresses={self.listen} -c unix_socket_directories= -c max_connections=200 {more}"
        self.run("pg_ctl", "start", "-w", "-s", "-D", self.data, "-o", options, "-l", self.folder / "log")

    def crash(self):
        """Ends it as a power cut does, in the middle of whatever it does."""
        self.run("pg_ctl", "stop", "-w", "-s", "-m", "immediate", "-D", self.data)

    def promote(self):
        self.run("pg_ctl", "promote", "-w", "-s", "-D", self.data)

    @property
    def address(self):
        return ["-h", "127.0.0.1", "-p", self.port, "-U", "baton"]

    def tell(self, *statements, database="baton"):
        """Has a database do something; what it says, a row in a line."""
        words = [word for statement in statements for word in ("-c", statement)]
        return self.said("psql", "-XqAt", "-v", "ON_ERROR_STOP=1", *self.address, "-d", database, *words)
