"""The verdict of a run finds each fault that it is for: stories made up here, one wrong in one way each; and the app that
fails at random does so by its seed.

    python3 e2e/power_loss/test_verdicts.py
"""

import http.client
import json
import pathlib
import sys
import unittest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))

import apps
from apps import APPS, PAGES, Moody
from ledger import Ledger, text_of

FIRST, SECOND, MOODY = APPS
PAGE = "2001"


class Verdicts(unittest.TestCase):
    def setUp(self):
        self.ledger = Ledger({"Ann": PAGE})
        for number in (1, 2):
            self.ledger.started["Ann"] = number
            self.ledger.acknowledge("Ann", number, f"m{number}")

    def hears(self, app, *numbers, taken=True, webhook=None, **other):
        for number in numbers:
            self.ledger.arrived(app, webhook or f"w{number}", body(app, number, **other), taken)

    def hear_all(self, *others):
        for app in others:
            self.hears(app, 1, 2)

    def finds(self, *wanted, lost=0, repeats=0, duplicates=0):
        verdict = self.ledger.verdict()
        self.assertEqual([fault.partition(":")[0] for fault in verdict.faults], list(wanted), verdict.faults)
        self.assertEqual(verdict[1:], (lost, repeats, duplicates))

    def test_all_is_well(self):
        self.hear_all(*APPS)
        self.finds()

    def test_what_failed_comes_again_until_it_is_taken(self):
        self.hear_all(FIRST, SECOND)
        self.hears(MOODY, 1, 1, taken=False)
        self.hears(MOODY, 1, 2)
        self.finds(repeats=2)

    def test_what_was_taken_may_come_again_after_a_kill(self):
        self.hear_all(SECOND, MOODY)
        self.hears(FIRST, 1, 1, 2)
        self.finds(repeats=1, duplicates=1)

    def test_a_message_that_does_not_arrive(self):
        self.hear_all(FIRST, MOODY)
        self.hears(SECOND, 1)
        self.finds("lost", lost=1)

    def test_a_message_that_arrives_and_is_not_taken(self):
        self.hear_all(FIRST, SECOND)
        self.hears(MOODY, 1)
        self.hears(MOODY, 2, taken=False)
        self.finds("lost", lost=1)

    def test_what_arrives_before_its_answer_is_not_lost(self):
        self.ledger.started["Ann"] = 3
        self.hear_all(*APPS)
        for app in APPS:
            self.hears(app, 3)
        self.ledger.acknowledge("Ann", 3, "m3")
        self.finds()

    def test_a_message_that_another_one_overtakes(self):
        self.hear_all(FIRST, SECOND)
        self.hears(MOODY, 2, 1)
        self.finds("order")

    def test_a_message_that_comes_before_the_one_before_it_is_taken(self):
        self.hear_all(FIRST, SECOND)
        self.hears(MOODY, 1, taken=False)
        self.hears(MOODY, 2, 1)
        self.finds("order", repeats=1)

    def test_a_message_that_nobody_wrote(self):
        self.hear_all(*APPS)
        self.hears(FIRST, 3)
        self.finds("invented")

    def test_a_message_of_somebody_else(self):
        self.hear_all(*APPS)
        self.hears(FIRST, 1, person="Bob", webhook="of Bob's")
        self.finds("invented")

    def test_the_wrong_channel(self):
        self.hear_all(SECOND, MOODY)
        self.hears(FIRST, 1, 2, channel="standby")
        self.finds("wrong channel", "wrong channel")

    def test_a_repeat_with_another_webhook_id(self):
        self.hear_all(FIRST, SECOND)
        self.hears(MOODY, 1, taken=False)
        self.hears(MOODY, 1, webhook="w7")
        self.hears(MOODY, 2)
        self.finds("two webhook ids", repeats=1)

    def test_a_repeat_with_other_bytes(self):
        self.hear_all(SECOND, MOODY)
        self.hears(FIRST, 1, 2)
        self.hears(FIRST, 2, at=7)
        self.finds("other body", repeats=1, duplicates=1)

    def test_two_messages_with_one_webhook_id(self):
        self.hear_all(SECOND, MOODY)
        self.hears(FIRST, 1, 2, webhook="w1")
        self.finds("other body")

    def test_no_webhook_id(self):
        self.hear_all(SECOND, MOODY)
        self.hears(FIRST, 1)
        self.ledger.arrived(FIRST, None, body(FIRST, 2), True)
        self.finds("no id")

    def test_a_repeat_with_another_message_id(self):
        self.hear_all(SECOND, MOODY)
        self.hears(FIRST, 1, 2)
        self.hears(FIRST, 2, mid="m7", webhook="w2")
        self.finds("other body", "two ids", "other id", repeats=1, duplicates=1)

    def test_another_id_than_was_answered(self):
        self.hear_all(SECOND, MOODY)
        self.hears(FIRST, 1)
        self.hears(FIRST, 2, mid="m7")
        self.finds("other id")

    def test_an_answer_that_was_forgotten(self):
        self.hear_all(*APPS)
        self.ledger.forgotten["Ann", 2] = "m7"
        self.finds("lost", lost=1)

    def test_people_wait_for_those_that_always_answer(self):
        self.hears(FIRST, 1, 2)
        self.assertEqual(self.ledger.on_the_way("Ann"), 2)
        self.hears(SECOND, 1)
        self.assertEqual(self.ledger.on_the_way("Ann"), 1)


def body(app, number, person="Ann", mid=None, channel=None, at=1):
    event = {"sender": {"id": person}, "timestamp": at, "message": {"mid": mid or f"m{number}", "text": text_of(person, number)}}
    channel = channel or ("messaging" if PAGES[PAGE]["owner"] is app else "standby")
    return json.dumps({"entry": [{"id": PAGE, channel: [event]}]}).encode()


class MoodyTest(unittest.TestCase):
    def moody(self, seed=1):
        self.ledger = Ledger({"Ann": PAGE})
        self.ledger.started["Ann"] = 1
        moody = Moody(MOODY, self.ledger, seed)
        self.addCleanup(moody.server_close)
        self.addCleanup(moody.shutdown)
        return moody

    def drawn(self, moody, webhooks=300):
        return [[moody.draw(f"w{one}") for _ in range(moody.MOST + 3)] for one in range(webhooks)]

    def test_it_fails_by_its_seed_in_every_way_and_seldom(self):
        drawn = self.drawn(self.moody())
        self.assertEqual(drawn, self.drawn(self.moody()))
        self.assertNotEqual(drawn, self.drawn(self.moody(2)))
        first = [tries[0] for tries in drawn]
        self.assertLessEqual(set(Moody.WAYS), set(first))
        self.assertTrue(10 < len([way for way in first if way]) < 80, first)

    def test_it_fails_no_webhook_until_it_is_a_dead_letter(self):
        moody = self.moody()
        moody.FAIL = 100
        for tries in self.drawn(moody):
            self.assertTrue(all(tries[: moody.MOST]))
            self.assertFalse(any(tries[moody.MOST :]))

    def test_once_mended_it_takes_everything(self):
        moody = self.moody()
        moody.mended = True
        self.assertFalse(any(map(any, self.drawn(moody))))

    def test_what_it_answers_and_what_it_takes(self):
        moody = self.moody()
        self.addCleanup(setattr, apps, "PATIENCE_SECONDS", apps.PATIENCE_SECONDS)
        apps.PATIENCE_SECONDS = 0.01
        for way, answer in ((None, 200), ("500", 500), ("closed", None), ("late", 200)):
            with self.subTest(way):
                moody.draw = lambda _, way=way: way
                self.assertEqual(self.status_of(moody), answer)
        taken = [one.taken for one in self.ledger.tries[MOODY.id, "Ann"]]
        self.assertEqual(taken, [True, False, False, False])

    def status_of(self, moody):
        connection = http.client.HTTPConnection("127.0.0.1", moody.server_port, timeout=10)
        try:
            connection.request("POST", "/webhook", body(MOODY, 1), {"webhook-id": "w1"})
            return connection.getresponse().status
        except http.client.RemoteDisconnected:
            return None
        finally:
            connection.close()


if __name__ == "__main__":
    unittest.main()
