"""A thousand connections that take their time: each is closed by a time limit of the server, meanwhile ordinary calls are
answered, and memory does not grow by more than what the connections may hold. Then hundreds of large bodies of strangers,
who come as far as their room, and hold up neither small bodies nor those of callers who are known.

    python3 e2e/hostile/test_slow.py
"""

import collections
import json
import selectors
import signal
import threading
import time
import unittest

from server import MIB, OPERATOR_TOKEN, PAGE, PAGE_TOKEN, Server, allow_open_files, head_of, status_of

OF_EACH = 200
# The server's own limits, as docs/operating.md has them.
HEAD_SECONDS, BODY_SECONDS, UNREAD_SECONDS = 10, 30, 30
# What a busy machine adds, and a thousand connections that end at one moment.
SLACK_SECONDS = 10
PATIENCE_SECONDS = 10
# Of a head and of a body this much is sent at once, and then a byte each second.
LARGE_HEAD, BEGUN_BODY = 48 * 1024, 64 * 1024
# What they may hold: each a buffer for a head of 64 kB, which doubles while it grows, and its own state; those with a body
# what came of it, in a buffer that doubles too; and as much again that the allocator has not given back yet.
HEAD_SIZE, STATE = 64 * 1024, 32 * 1024
BOUND_MIB = 2 * OF_EACH * (5 * (2 * HEAD_SIZE + STATE) + 2 * 2 * BEGUN_BODY) / MIB

# Large bodies of strangers, nearly whole: `limits.body` of each, `limits.bodies` of all.
STRANGERS, LIMIT, ROOM_MIB = 300, 1_048_576, 64
# Beside what they have in the room each has its connection; the allocator keeps as much again, and 32 MiB for what else is done.
STRANGERS_BOUND_MIB = 2 * (ROOM_MIB + STRANGERS * (HEAD_SIZE + STATE) / MIB) + 32

Kind = collections.namedtuple("Kind", "name begins goes_on limit status")
EVENTS = f"/baton/v1/pages/{PAGE}/people/Slow/events"
SEND = f"/me/messages?access_token={PAGE_TOKEN}"
JSON = "application/json"
KINDS = [
    Kind("says nothing", b"", b"", HEAD_SECONDS, None),
    Kind("a head, byte by byte", b"GET /readyz HTTP/1.1\r\nHost: baton\r\nX-Slow: ", b"x", HEAD_SECONDS, None),
    Kind("a large head", b"GET /readyz HTTP/1.1\r\nX-Slow: " + LARGE_HEAD * b"x", b"x", HEAD_SECONDS, None),
    Kind("a body, byte by byte", head_of(EVENTS, JSON, OPERATOR_TOKEN, 500_000) + BEGUN_BODY * b" ", b" ", BODY_SECONDS, 408),
    Kind("an endless body", head_of(SEND, JSON) + b"10000\r\n" + BEGUN_BODY * b" " + b"\r\n", b"1\r\n \r\n", BODY_SECONDS, 400),
]


FORM = "application/x-www-form-urlencoded"
BODY = (LIMIT - 1000) * b" "
# No token; one in the header that is nobody's; and one may yet come in the form.
OF_STRANGERS = [
    Kind("JSON", head_of("/me/messages", JSON, length=LIMIT) + BODY, b" ", BODY_SECONDS, None),
    Kind("JSON, a token", head_of("/me/messages", JSON, "EAA-of-nobody", LIMIT) + BODY, b" ", BODY_SECONDS, None),
    Kind("a form", head_of("/me/messages", FORM, length=LIMIT) + b"a=" + BODY, b" ", BODY_SECONDS, None),
    Kind("chunks", head_of("/me/messages", JSON) + b"ff000\r\n" + 0xFF000 * b" " + b"\r\n", b"1\r\n \r\n", BODY_SECONDS, None),
    Kind("a password", head_of("/baton/v1/session", JSON, length=LIMIT) + BODY, b" ", BODY_SECONDS, None),
]


class Connection:
    """One that takes its time."""

    def __init__(self, server, kind):
        self.kind, self.answer, self.closed = kind, b"", None
        self.left = kind.begins
        self.socket = server.connect()
        self.began = self.wakes = time.monotonic()

    def goes_on(self, now):
        """Sends what is left of its beginning, and then a piece each second."""
        if now < self.wakes:
            return
        try:
            if self.left:
                self.left = self.left[self.socket.send(self.left) :]
            else:
                self.socket.send(self.kind.goes_on)
                self.wakes = now + 1
        except BlockingIOError:
            self.wakes = now + 0.1
        except ConnectionError:
            self.ends(now)

    def hears(self, now):
        try:
            came = self.socket.recv(65536)
        except BlockingIOError:
            return
        except ConnectionError:
            came = b""
        self.answer += came
        if not came:
            self.ends(now)

    def ends(self, now):
        self.closed = self.closed or now

    @property
    def seconds(self):
        return self.closed - self.began


class Ordinary(threading.Thread):
    """Somebody who calls as one does, each time by a new connection, and looks at how long it takes."""

    def __init__(self, name, server, stop):
        super().__init__(name=name, daemon=True)
        self.server, self.stop = server, stop
        self.took, self.wrong = [], []

    def run(self):
        number = 0
        while not self.stop.is_set():
            number += 1
            message = json.dumps({"recipient": {"id": self.name}, "message": {"text": f"answer {number}"}})
            self.each("it is ready", lambda: self.server.ask("GET", "/readyz"))
            self.each("a person writes", lambda: self.server.says(self.name, f"message {number}"))
            self.each("the bot answers", lambda: self.server.ask("POST", SEND, message))
            self.stop.wait(0.05)

    def each(self, what, call):
        began = time.monotonic()
        try:
            status, answer = call()
        except OSError as error:
            status, answer = None, error
        self.took.append(time.monotonic() - began)
        if status != 200:
            self.wrong.append(f"{what}: {status} {answer}")


class SlowTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        allow_open_files(len(KINDS) * OF_EACH + 500)

    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.stop)

    def connect(self, of_each):
        """Connects so many of each kind, and closes them in the end."""
        slow = [Connection(self.server, kind) for _ in range(of_each) for kind in KINDS]
        for one in slow:
            self.addCleanup(one.socket.close)
        return slow

    def test_a_thousand_slow_connections_are_closed_and_hold_up_nobody(self):
        stop = threading.Event()
        ordinary = [Ordinary(f"person-{number}", self.server, stop) for number in range(4)]
        for one in ordinary:
            one.start()
        time.sleep(2)  # what memory it needs for these alone
        self.server.forget_peak()
        before, files = self.server.memory(), self.server.open_files()
        slow = self.connect(OF_EACH)
        there = self.play(slow)
        peak = self.server.peak()
        stop.set()
        for one in ordinary:
            one.join(30)
        self.assertGreaterEqual(there, len(slow), "all of them were there at once")
        self.check_closed(slow)
        took = [seconds for one in ordinary for seconds in one.took]
        print(
            f"\n{len(slow)} slow connections; {len(took)} ordinary calls meanwhile, the slowest {max(took):.2f} s; "
            f"memory {before:.0f} MiB before, {peak:.0f} at most, {self.server.memory():.0f} after"
        )
        self.assertEqual([wrong for one in ordinary for wrong in one.wrong][:5], [])
        self.assertGreater(len(took), 100)
        self.assertLess(max(took), PATIENCE_SECONDS)
        self.assertLess(peak - before, BOUND_MIB)
        self.assertLess(self.server.open_files(), files + 20, "connections were given back")

    def play(self, slow):
        """Lets each go on until it is closed. How many the server had at once."""
        with selectors.DefaultSelector() as selector:
            for one in slow:
                selector.register(one.socket, selectors.EVENT_READ, one)
            deadline = time.monotonic() + BODY_SECONDS + SLACK_SECONDS
            there = 0
            while selector.get_map() and time.monotonic() < deadline:
                for key, _ in selector.select(0.05):
                    key.data.hears(time.monotonic())
                now = time.monotonic()
                for key in list(selector.get_map().values()):
                    key.data.goes_on(now)
                    if key.data.closed:
                        selector.unregister(key.fileobj)
                there = max(there, self.server.open_files())
            return there

    def check_closed(self, slow):
        for kind in KINDS:
            with self.subTest(kind.name):
                ours = [one for one in slow if one.kind is kind]
                self.assertEqual(sum(one.closed is None for one in ours), 0, "some were not closed")
                self.assertEqual(collections.Counter(status_of(one.answer) for one in ours), {kind.status: len(ours)})
                self.assertGreater(min(one.seconds for one in ours), kind.limit - 1)
                self.assertLess(max(one.seconds for one in ours), kind.limit + SLACK_SECONDS)

    def test_large_bodies_of_strangers_have_a_room_of_their_own(self):
        text = json.dumps({"recipient": {"id": "Ann"}, "message": {"text": "x"}, "access_token": PAGE_TOKEN})
        event = json.dumps({"type": "message", "message": {"text": "x"}}) + " " * 200_000
        self.assertEqual(self.server.says("Ann", "first")[0], 200)
        self.server.forget_peak()
        before = self.server.memory()
        kinds = [OF_STRANGERS[number % len(OF_STRANGERS)] for number in range(STRANGERS)]
        slow = [Connection(self.server, kind) for kind in kinds]
        for one in slow:
            self.addCleanup(one.socket.close)
        stop, answers = threading.Event(), collections.Counter()

        def ask():
            while not stop.wait(0.3):
                answers["small, a token in it", self.server.ask("POST", "/me/messages", text)[0]] += 1
                answers["large, an operator's", self.server.ask("POST", EVENTS, event, OPERATOR_TOKEN)[0]] += 1
                answers["large, an app's", self.server.ask("POST", SEND, text + " " * 200_000)[0]] += 1

        other = threading.Thread(target=ask)
        other.start()
        self.play(slow)
        stop.set()
        other.join(30)
        peak = self.server.peak()
        statuses = collections.Counter((one.kind.name, status_of(one.answer)) for one in slow)
        print(
            f"\n{STRANGERS} large bodies of strangers, {dict(statuses)}; others meanwhile {dict(answers)}; memory "
            f"{before:.0f} MiB before, {peak:.0f} at most, {self.server.memory():.0f} after, {STRANGERS_BOUND_MIB:.0f} more allowed"
        )
        self.assertEqual(sum(one.closed is None for one in slow), 0, "some were not closed")
        self.assertEqual({status for _, status in answers}, {200})
        self.assertGreater(answers["large, an app's", 200], 5)
        # What there was no room for is told to try again; what was in it, that it is too slow or that its token is nobody's.
        self.assertLessEqual({status for _, status in statuses}, {400, 408, 500, 503})
        self.assertGreater(sum(count for (_, status), count in statuses.items() if status in (500, 503)), STRANGERS / 2)
        self.assertLess(peak - before, STRANGERS_BOUND_MIB)

    def test_who_does_not_read_is_closed_and_who_listens_is_not(self):
        """Strangers who ask for more than the machine keeps for them, and read nothing of it."""
        asked = b"GET /openapi.json HTTP/1.1\r\nHost: baton\r\n\r\n" * 100
        listener = self.server.connect()
        self.addCleanup(listener.close)
        head = f"GET /baton/v1/activity HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {OPERATOR_TOKEN}\r\nAccept: text/event-stream"
        listener.send(head.encode() + b"\r\n\r\n")
        self.assertEqual(self.server.ask("GET", "/openapi.json")[0], 200)
        self.server.forget_peak()
        before, files = self.server.memory(), self.server.open_files()
        began = time.monotonic()
        for _ in range(OF_EACH):
            connection = self.server.connect()
            self.addCleanup(connection.close)
            connection.send(asked)
        self.assertEqual(self.server.says("Ann", "meanwhile")[0], 200)
        self.assertGreaterEqual(self.server.open_files(), files + OF_EACH)
        while self.server.open_files() > files + 20:
            self.assertLess(time.monotonic() - began, UNREAD_SECONDS + SLACK_SECONDS, "they keep their places")
            time.sleep(0.2)
        took = time.monotonic() - began
        print(f"\n{OF_EACH} who do not read, closed after {took:.1f} s; {before:.0f} MiB before, {self.server.peak():.0f} at most")
        self.assertGreater(took, UNREAD_SECONDS - 1)
        self.assertLess(self.server.peak() - before, 2 * OF_EACH * (2 * HEAD_SIZE + STATE) / MIB)
        self.assertEqual(self.server.says("Afterwards", "hello")[0], 200)
        listener.settimeout(5)
        heard = b""
        while b"Afterwards" not in heard:
            self.assertTrue(came := listener.recv(65536), "the listener was closed")
            heard += came

    def test_they_hold_up_no_stop(self):
        slow = self.connect(20)
        now = time.monotonic()
        for one in slow:
            one.goes_on(now)
        self.assertEqual(self.server.ask("GET", "/readyz")[0], 200)
        began = time.monotonic()
        self.server.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.server.process.wait(30), 0, self.server.said())
        self.assertLess(time.monotonic() - began, HEAD_SECONDS + 2)


if __name__ == "__main__":
    unittest.main()
