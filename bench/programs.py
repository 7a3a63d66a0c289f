"""The programs of a run, each on a port of its own. Whatever happens, what was started is ended: every program is in
a `Ground`, which is a `with`."""

import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[1]
BATON = pathlib.Path(os.environ.get("BATON_BIN", ROOT / "target/release/baton"))
RELAY = pathlib.Path(os.environ.get("RELAY_BIN", ROOT / "target/relay/release/bare-relay"))
SECRET = "app-secret"
OPERATOR_TOKEN = "operator-of-the-bench"
PAGE = "2001"
START_SECONDS = 30
TEXT = (
    "Hello, I ordered two pairs of shoes last week and one of them is in the wrong size. "
    "Could you tell me how I can change it for the next one up? #MMMMMMMMMMMMMMMM"
)
# What a person writes, as the platform tells the relay of it, and as a channel tells Baton.
AT_THE_RELAY = {
    "object": "page",
    "entry": [
        {
            "id": PAGE,
            "time": 1458692752478,
            "messaging": [
                {
                    "sender": {"id": "PPPPPPPPPPPPPPPP"},
                    "recipient": {"id": PAGE},
                    "timestamp": 1458692752478,
                    "message": {"mid": "m_5uhSFZq9vBQ0kPNVRZ1RZq1N2v2yxrrXQ8d1gEUGQCQ", "text": TEXT},
                }
            ],
        }
    ],
}
AT_BATON = {"person": "PPPPPPPPPPPPPPPP", "type": "message", "message": {"text": TEXT}}


class Broken(Exception):
    """A program did not start, or ended by itself."""


class Ground:
    """A folder, and the programs that run in it."""

    def __init__(self):
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        self.stack.__enter__()
        kept = os.environ.get("BENCH_DIR")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="baton-bench-", dir=kept))
        self.stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        return self

    def __exit__(self, *error):
        return self.stack.__exit__(*error)

    def start(self, command, log, **more):
        """Starts a program, which is killed when the ground is left."""
        with open(self.folder / log, "ab") as out:
            process = subprocess.Popen(
                list(map(str, command)), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, **more
            )
        self.stack.callback(end, process)
        return process

    def end_of(self, log):
        return (self.folder / log).read_text(errors="replace")[-2000:]

    def sinks(self, apps, port=None, **options):
        return Sinks(self, apps, port, options)

    def relay(self, sinks, **options):
        """The reference: the address that messages are posted to."""
        port = free_port()
        flags = [word for name, value in options.items() for word in (f"--{name}", value)]
        listen = ["--listen", f"127.0.0.1:{port}", "--secret", SECRET]
        process = self.start([RELAY, "relay", *listen, "--to", ",".join(sinks.urls), *flags], "relay.log")
        wait_for_port(port, process, lambda: self.end_of("relay.log"))
        return f"http://127.0.0.1:{port}/"

    def load(self, url, sinks, body, **options):
        """Runs the load to its end, and returns what it says."""
        with self.loading(url, sinks, body, **options) as loading:
            return loading.result()

    @contextlib.contextmanager
    def loading(self, url, sinks, body, **options):
        """The load, while it runs."""
        file = self.folder / "body.json"
        text = json.dumps(body, separators=(",", ":"))
        file.write_text(text)
        flags = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
        command = [RELAY, "load", "--url", url, "--body", file, "--sinks", ",".join(sinks), *flags]
        header = ["--header", f"authorization: Bearer {OPERATOR_TOKEN}"]
        process = subprocess.Popen(list(map(str, command + header)), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            yield Loading(process)
        finally:
            end(process)


class Loading:
    def __init__(self, process):
        self.process = process

    def is_over(self):
        return self.process.poll() is not None

    def result(self):
        out, wrong = self.process.communicate()
        if self.process.returncode != 0:
            raise Broken(f"the load failed: {wrong.decode(errors='replace')[-500:]}")
        return json.loads(out)


class Sinks:
    """The apps: one program, a path for each."""

    def __init__(self, ground, apps, port, options):
        self.port = port or free_port()
        self.urls = [f"http://127.0.0.1:{self.port}/{app}" for app in range(apps)]
        flags = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
        listen = ["--listen", f"127.0.0.1:{self.port}", "--verify", SECRET]
        self.process = ground.start([RELAY, "sink", *listen, *flags], "sink.log")
        wait_for_port(self.port, self.process, lambda: ground.end_of("sink.log"))

    def counts(self, app):
        return ask(self.port, "GET", f"/{app}")

    def stop(self):
        end(self.process)


class Baton:
    """Baton as it is served, with its database on a disk, or the one that is named."""

    def __init__(self, ground, urls, max_batch=1, data="data", database=None):
        self.ground, self.urls, self.max_batch = ground, urls, max_batch
        self.data = ground.folder / data
        self.database = database
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.events = f"{self.url}/baton/v1/pages/{PAGE}/events"
        self.process = None

    def start(self):
        """Starts it, and waits until it is ready. Returns the seconds that took."""
        settings = self.ground.folder / "baton.toml"
        settings.write_text('log.level = "warn"\n[delivery]\nallow_addresses = ["127.0.0.0/8"]\n')
        environment = {name: value for name, value in os.environ.items() if not name.startswith("BATON_")}
        environment["BATON_OPERATOR_TOKEN"] = OPERATOR_TOKEN
        if self.database:
            environment["BATON_DATABASE"] = self.database
        began = time.perf_counter()
        command = [BATON, "serve", "-c", settings, "--data", self.data, "--listen", f"127.0.0.1:{self.port}"]
        self.process = self.ground.start(command, "baton.log", env=environment)
        deadline = began + START_SECONDS
        while not self.is_ready():
            if self.process.poll() is not None or time.perf_counter() > deadline:
                raise Broken(f"baton did not start:\n{self.ground.end_of('baton.log')}")
            time.sleep(0.002)
        return time.perf_counter() - began

    def is_ready(self):
        try:
            ask(self.port, "GET", "/readyz")
            return True
        except (OSError, http.client.HTTPException, Broken):
            return False

    def connect(self):
        """Makes the apps: the first is the primary receiver, the others stand by."""
        routing = self.ground.folder / "routing.toml"
        apps = [
            f'[[apps]]\nid = "{700 + at}"\nname = "App {at}"\nsecret = "{SECRET}"\nverify_token = "verify"\n'
            f'webhook_url = "{url}"\nmax_batch = {self.max_batch}\n'
            for at, url in enumerate(self.urls)
        ]
        connections = [
            f'[[pages.connections]]\napp = "App {at}"\ntoken = "EAA-{at}"\nfields = ["messages", "standby"]\n'
            for at in range(len(self.urls))
        ]
        page = f'[[pages]]\nid = "{PAGE}"\nname = "Market"\nmessenger = {{ primary_receiver = "App 0" }}\n'
        routing.write_text("\n".join([*apps, page, *connections]))
        command = [BATON, "apply", "-f", routing, "--server", self.url, "--token", OPERATOR_TOKEN]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        if done.returncode != 0:
            raise Broken(f"the routing was not applied: {done.stdout}{done.stderr}")

    def health(self, app):
        return ask(self.port, "GET", f"/baton/v1/apps/{700 + app}/health")

    def resume(self, app):
        return ask(self.port, "POST", f"/baton/v1/apps/{700 + app}/resume")

    def pending(self):
        return sum(self.health(app)["pending"] for app in range(len(self.urls)))

    def metrics(self):
        text = ask(self.port, "GET", "/metrics", as_json=False)
        lines = (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, value in lines}

    def memory(self):
        """Resident bytes."""
        with open(f"/proc/{self.process.pid}/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def processor_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        end(self.process, signal.SIGTERM)

    def kill(self):
        end(self.process)

    def sizes(self):
        """Bytes on disk of each table and index of the database, which must be closed."""
        (file,) = self.data.glob("*.db")
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            return dict(database.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"))


def end(process, how=signal.SIGKILL):
    """Ends a program; one that does not end when asked is killed."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for_port(port, process, log):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Broken(f"{process.args[:2]} ended: {log()}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.005)
    raise Broken(f"{process.args[:2]} does not listen")


def ask(port, method, path, body=None, as_json=True):
    """Asks a program, and returns what it answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        headers = {"Authorization": f"Bearer {OPERATOR_TOKEN}", "Content-Type": "application/json"}
        connection.request(method, urllib.parse.quote(path, safe="/?=&"), body and json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        if answer.status >= 300:
            raise Broken(f"{method} {path}: {answer.status} {text[:300]}")
        return json.loads(text) if as_json and text.startswith(("{", "[")) else text
