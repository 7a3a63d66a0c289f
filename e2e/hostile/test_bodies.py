"""Bodies made to hurt: each is refused as the sender's fault, nothing breaks, and memory is bounded, also with many at once.

    python3 e2e/hostile/test_bodies.py
"""

import concurrent.futures
import itertools
import os
import time
import unittest
import urllib.parse

from server import MIB, OPERATOR_TOKEN, PAGE, PAGE_TOKEN, Server, head_of

JSON, FORM, TOML, MULTIPART = (
    "application/json",
    "application/x-www-form-urlencoded",
    "application/toml",
    "multipart/form-data; boundary=part",
)
SEND = f"/me/messages?access_token={PAGE_TOKEN}"
BATCH = f"/?access_token={PAGE_TOKEN}"
EVENTS = f"/baton/v1/pages/{PAGE}/people/Eve/events"
ROUTING = "/baton/v1/routing"
SECONDS = 20
AT_ONCE = 40
# `limits.body` and `limits.upload`.
LIMIT, UPLOAD = 1_048_576, 27_262_976
# With limits so wide it is the parsers that must refuse.
WIDE = 32 * MIB
# A parser makes values of a text: of two bytes, as in `[0,0,…]`, one of 32, and from a list that grows it copies them to one of
# twice the size, so at most so many times the text. It does so on the threads that serve, one for each core, and the allocator
# keeps for each thread what that had once. A body that is being read takes its size: its buffer may be twice that, and be
# copied from one of half its size. The rest is for what every connection and thread has.
VALUES, BUFFERS, REST_MIB = 70, 3, 32
THREADS = os.cpu_count() or 1
# How much more the allocator may hold at a moment than is in use: a body that nothing bounds takes many times as much.
SLACK = 2


def bound_mib(size, at_once=1):
    return SLACK * (THREADS * VALUES + BUFFERS * at_once) * size / MIB + REST_MIB


def whole(size, begins, piece, ends=b""):
    """Pieces between a beginning and an end, as many as fit."""
    return begins + piece * ((size - len(begins) - len(ends)) // len(piece)) + ends


def numbered(size, begins, piece, between, ends):
    """The same, where each piece has a number."""
    count = (size - len(begins) - len(ends)) // (len(piece % 1_000_000) + len(between))
    return begins + between.join(piece % number for number in range(count)) + ends


def json_bodies(size):
    deep = (size - 20) // 2
    yield "arrays, never shut", b"[" * size
    yield "arrays", b"[" * deep + b"]" * deep
    yield "objects, never shut", whole(size, b"", b'{"a":')
    yield "objects", b'{"a":' * (size // 6 - 1) + b"1" + b"}" * (size // 6 - 1)
    yield "keys", numbered(size, b"{", b'"%d":0', b",", b"}")
    yield "one key again and again", whole(size, b'{"a":0', b',"a":0', b"}")
    yield "one number", whole(size, b'{"recipient":{"id":', b"9", b"}}")
    yield "one number with an exponent", whole(size, b'{"recipient":{"id":1e', b"9", b"}}")
    yield "small values", whole(size, b'{"recipient":[0', b",0", b"]}")
    yield "empty objects", whole(size, b'{"recipient":[{}', b",{}", b"]}")
    yield "one long key", whole(size, b'{"', b"k", b'":0}')
    yield "one long type", whole(size, b'{"type":"', b"k", b'"}')
    yield "escapes", whole(size, b'{"type":"', b"\\u0000", b'"}')
    yield "half surrogates", whole(size, b'{"type":"', b"\\ud800", b'"}')
    yield "spaces", b" " * size
    yield "zeros", b"\0" * size
    yield "not UTF-8", b"\xff" * size


def form_bodies(size):
    yield "brackets", whole(size, b"a", b"[a]", b"=1")
    yield "fields", numbered(size, b"", b"f%d=1", b"&", b"")
    yield "one field again and again", whole(size, b"a=1", b"&a=1")
    yield "no field", b"&" * size
    yield "escapes", whole(size, b"recipient=", b"%00")
    yield "not UTF-8", whole(size, b"recipient=", b"%ff")
    yield "JSON in it", whole(size, b"recipient=", b"[")
    yield "JSON in it, escaped", whole(size, b"message=", urllib.parse.quote('{"a":').encode())
    yield "a batch", b"batch=[" + whole(size // 8, b"", b"{},", b"{}") + b"]"


def multipart_bodies(size):
    part = b'--part\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
    file = b'--part\r\nContent-Disposition: form-data; name="filedata"; filename="../../x"\r\n\r\n%s\r\n'
    yield "ten thousand parts", b"".join(part % (b"f%d" % number, b"1") for number in range(10_000)) + b"--part--\r\n"
    yield "ten thousand files", file % b"x" * 10_000 + b"--part--\r\n"
    yield "no end", part % (b"recipient", b"x" * (size - 200))
    yield "no end of a file", file % b"x" * 3
    yield "no part", b"x" * size
    yield "only ends", b"--part\r\n" * (size // 8)
    named = b"--part\r\nContent-Disposition: form-data; name="
    yield "a large head of a part", whole(size, named, b"x", b"\r\n\r\n1\r\n--part--\r\n")
    yield "many heads of a part", whole(size, b"--part\r\n", b"X-A: 1\r\n", b"\r\n1\r\n--part--\r\n")
    yield "nothing", b"--part--\r\n"


def toml_bodies(size):
    yield "arrays", b"a=" + b"[" * (size - 2)
    yield "tables in a line", whole(size, b"a=", b"{a=", b"")
    yield "dots", whole(size, b"a", b".a", b"=1")
    yield "dots of a table", whole(size, b"[a", b".a", b"]")
    yield "keys", numbered(size, b"", b"k%d=0", b"\n", b"")
    yield "apps", whole(size, b"", b"[[apps]]\n")
    yield "one number", whole(size, b"a=", b"9")
    yield "not UTF-8", b"\xff" * size
    names = b"".join(b'[[apps]]\nid="%d"\nname="app%d"\n' % (number, number) for number in range(1, size // 80))
    page = b'[[pages]]\nid="1"\nname="p"\nconnections=['
    yield "names of no app", names + numbered(size - len(names), page, b'{app="aqq%d"}', b",", b"]")


def attacks(size):
    """(name, path, method, type, token, body)"""
    yield from of_strangers(size)
    # Only an operator may bring these.
    for name, body in json_bodies(size):
        yield f"JSON, {name}, as a routing", ROUTING, "PUT", JSON, OPERATOR_TOKEN, body
    for name, body in toml_bodies(size):
        yield f"TOML, {name}", ROUTING, "PUT", TOML, OPERATOR_TOKEN, body


def of_strangers(size):
    for name, body in json_bodies(size):
        yield f"JSON, {name}, to the Graph API", SEND, "POST", JSON, None, body
        yield f"JSON, {name}, to Baton's own", EVENTS, "POST", JSON, OPERATOR_TOKEN, body
    for name, body in form_bodies(size):
        yield f"form, {name}", BATCH if name == "a batch" else SEND, "POST", FORM, None, body
    for name, body in multipart_bodies(size):
        yield f"multipart, {name}", SEND, "POST", MULTIPART, None, body


class BodiesTest(unittest.TestCase):
    def start(self, **settings):
        self.server = Server(**settings)
        self.addCleanup(self.server.stop)
        self.assertEqual(self.server.says("Ann", "before")[0], 200)
        self.before = self.server.memory()
        self.server.forget_peak()

    def post(self, attack):
        """The status of an attack's answer, and the seconds that it took."""
        _, path, method, kind, token, body = attack
        began = time.monotonic()
        status, _ = self.server.send(head_of(path, kind, token, len(body), method), [body], SECONDS)
        return status, time.monotonic() - began

    def refused(self, name, status):
        self.assertTrue(status and 400 <= status < 500, f"{name}: answered with {status}\n{self.server.said()}")

    def refused_or_cut(self, name, sent, status):
        """Of what is long the server may not read all: the answer can get lost where a connection ends with bytes unread."""
        if status is not None or len(sent) < 64 * 1024:
            self.refused(name, status)

    def is_well(self):
        """It goes on, nobody panicked, and nothing of what was refused was done."""
        self.assertEqual(self.server.says("Ann", "after")[0], 200)
        self.assertEqual(self.server.ask("GET", f"/baton/v1/pages/{PAGE}/threads/Eve", token=OPERATOR_TOKEN)[0], 404)
        self.assertEqual(self.server.said(), "")

    def told(self, count, slowest, peak):
        print(
            f"\n{count} bodies, the slowest {slowest[0]:.2f} s ({slowest[1]}); memory {self.before:.0f} MiB before, "
            f"{peak:.0f} at most, {self.server.memory():.0f} after"
        )

    def each_is_refused(self, size, every):
        slowest, count = (0, ""), 0
        for attack in every:
            with self.subTest(attack[0]):
                status, seconds = self.post(attack)
                self.refused(attack[0], status)
                slowest, count = max(slowest, (seconds, attack[0])), count + 1
        self.told(count, slowest, self.server.peak())
        self.is_well()
        self.assertLess(self.server.peak() - self.before, bound_mib(size))

    def test_each_is_refused_one_byte_below_the_limit(self):
        self.start()
        self.each_is_refused(LIMIT - 1, attacks(LIMIT - 1))

    def test_each_is_refused_where_the_limits_are_wide(self):
        """Ten million digits, a million keys, millions of brackets, read whole."""
        self.start(BATON_LIMITS__BODY=str(WIDE), BATON_LIMITS__FORM_FIELDS="100000000")
        self.each_is_refused(10_000_000, of_strangers(10_000_000))

    def test_many_at_once_are_refused_and_leave_nothing_behind(self):
        self.start()
        every = list(attacks(LIMIT - 1))
        afterwards = []
        for _ in range(4):
            with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
                answers = list(pool.map(self.post, every))
            for attack, (status, _) in zip(every, answers):
                with self.subTest(attack[0]):
                    self.refused(attack[0], status)
            afterwards.append(self.server.memory())
        slowest = max((seconds, attack[0]) for attack, (_, seconds) in zip(every, answers))
        self.told(4 * len(every), slowest, self.server.peak())
        self.is_well()
        self.assertLess(self.server.peak() - self.before, bound_mib(LIMIT, AT_ONCE))
        # Not more after the fourth time than after the first, but for what one thread more may keep.
        self.assertLess(afterwards[-1] - afterwards[0], SLACK * VALUES * LIMIT / MIB, afterwards)

    def test_what_never_ends_is_cut_off(self):
        """A body beyond the limit, in chunks or with a length: it is answered, and the rest is not read."""
        self.start()
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        own = [(EVENTS, JSON, OPERATOR_TOKEN), (ROUTING, TOML, OPERATOR_TOKEN)]
        for path, kind, token in [(SEND, JSON, None), (SEND, FORM, None), *own]:
            method = "PUT" if path == ROUTING else "POST"
            for length in (None, 10**15):
                with self.subTest(path=path, kind=kind, length=length):
                    body = itertools.repeat(chunk if length is None else b" " * 0x10000)
                    status, sent = self.server.send(head_of(path, kind, token, length, method), body, SECONDS)
                    # What was thrown away so that the sender hears the answer, and what lies in the sockets.
                    self.assertLess(sent, LIMIT + 8 * MIB + 16 * MIB)
                    if status is not None:
                        self.refused(path, status)
        status, sent = self.server.send(head_of(SEND, MULTIPART), itertools.repeat(chunk), SECONDS)
        self.assertLess(sent, UPLOAD + 8 * MIB + 16 * MIB)
        if status is not None:
            self.refused("multipart", status)
        self.is_well()
        self.assertLess(self.server.peak() - self.before, SLACK * BUFFERS * UPLOAD / MIB + REST_MIB)

    def test_a_length_alone_takes_no_memory(self):
        """Heads that promise as much as is allowed, and send nothing."""
        self.start()
        heads = [head_of(SEND, JSON, length=LIMIT) for _ in range(200)]
        heads += [head_of(SEND, MULTIPART, length=UPLOAD) for _ in range(50)]
        connections = [self.server.connect() for _ in heads]
        for connection, head in zip(connections, heads):
            self.addCleanup(connection.close)
            connection.send(head)
        self.is_well()
        # Each its connection, and no room for what it promises.
        self.assertLess(self.server.memory() - self.before, len(heads) * 100 / 1024)

    def test_framing_that_is_wrong_is_refused(self):
        self.start()
        for name, body in (
            ("no number", b"x\r\n"),
            ("a large number", b"f" * 17 + b"\r\n"),
            ("a long extension", b"1;" + b"x" * 1_000_000 + b"\r\n"),
            ("no end of a chunk", b"1\r\nxx\r\n"),
            ("endless trailers", b"0\r\n" + b"X-A: 1\r\n" * 100_000),
        ):
            with self.subTest(name):
                status, _ = self.server.send(head_of(SEND, JSON), [body], SECONDS)
                self.refused_or_cut(name, body, status)
        for name, head in (
            ("a head without end", b"GET / HTTP/1.1\r\n" + b"X-A: 1\r\n" * 100_000),
            ("one long line of a head", b"GET / HTTP/1.1\r\nX-A: " + b"x" * 1_000_000),
            ("a long address", b"GET /" + b"x" * 1_000_000),
            ("a query of brackets", b"GET /me?a" + b"[a]" * 15_000 + b"=1 HTTP/1.1\r\nHost: x\r\n\r\n"),
        ):
            with self.subTest(name):
                status, _ = self.server.send(head, [], SECONDS)
                self.refused_or_cut(name, head, status)
        self.is_well()


if __name__ == "__main__":
    unittest.main()
