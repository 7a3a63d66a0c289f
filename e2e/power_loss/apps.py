"""The apps of the runs, who owns which page, and their receivers: two that always answer, and one that fails at random."""

import collections
import json
import random
import threading
import time

from receiving import Receiver

App = collections.namedtuple("App", "id name secret verify_token")
APPS = [
    App("700000000000001", "First bot", "secret-of-the-first", "verify-first"),
    App("700000000000002", "Second bot", "secret-of-the-second", "verify-second"),
    App("700000000000003", "Moody bot", "secret-of-the-moody", "verify-moody"),
]
# Those whom people wait for: what the third has not taken holds up nobody.
STEADY = APPS[:2]
# Three pages in two modes, so that each app is owner of a third of the conversations and stands by for the others.
PAGES = {
    "2001": {"setting": "primary_receiver", "owner": APPS[0]},
    "2002": {"setting": "default_app", "owner": APPS[1]},
    "2003": {"setting": "default_app", "owner": APPS[2]},
}
FIELDS = ["messages", "messaging_postbacks", "messaging_referrals", "messaging_handovers", "standby"]
# How long Baton waits for an answer.
PATIENCE_SECONDS = 1


class Witness(Receiver):
    """An app: takes down every body."""

    def __init__(self, app, ledger):
        self.app, self.ledger = app, ledger
        super().__init__(app.verify_token)

    def heard(self, body, connection):
        self.ledger.arrived(self.app, connection.headers.get("webhook-id"), body, taken=True)


class Moody(Witness):
    """An app that now and then answers 500, or closes the connection, or answers when Baton has given up. What becomes of a
    try is drawn by the seed, the webhook and how often it has come."""

    WAYS = ("500", "closed", "late")
    # So many of a hundred tries fail.
    FAIL = 12
    # After six answers like 500 an event would be a dead letter.
    MOST = 4

    def __init__(self, app, ledger, seed):
        self.seed, self.mended = seed, False
        self.lock, self.came, self.did = threading.Lock(), collections.Counter(), collections.Counter()
        super().__init__(app, ledger)

    def take(self, body, connection):
        webhook = connection.headers.get("webhook-id")
        way = self.draw(webhook)
        self.ledger.arrived(self.app, webhook, body, taken=way is None)
        if way == "closed":
            connection.close_connection = True
            return
        if way == "late":
            time.sleep(PATIENCE_SECONDS * 1.5)
        connection.answer(500 if way == "500" else 200, "")

    def draw(self, webhook):
        """In which way this try fails; none: it does not."""
        with self.lock:
            came = self.came[webhook]
            self.came[webhook] += 1
            dice = random.Random(f"{self.seed} {webhook} {came}")
            if self.mended or came >= self.MOST or dice.random() * 100 >= self.FAIL:
                return None
            way = dice.choice(self.WAYS)
            self.did[way] += 1
            return way


def routing(receivers):
    """The routing file: every app on every page."""
    lines = []
    for receiver in receivers:
        app = receiver.app
        lines += ["[[apps]]", f'id = "{app.id}"', f'name = "{app.name}"', f'secret = "{app.secret}"']
        lines += [f'webhook_url = "{receiver.url}"', f'verify_token = "{app.verify_token}"', ""]
    for page, settings in PAGES.items():
        lines += ["[[pages]]", f'id = "{page}"', f'name = "Page {page}"']
        lines += ["[pages.messenger]", f'{settings["setting"]} = "{settings["owner"].name}"']
        for app in APPS:
            lines += ["[[pages.connections]]", f'app = "{app.name}"', f'token = "EAA-{page}-{app.id}"']
            lines += [f"fields = {json.dumps(FIELDS)}"]
        lines.append("")
    return "\n".join(lines)
