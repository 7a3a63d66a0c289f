"""The verdicts of a run find each fault that they are for: histories made up here, one wrong in one way each.

    python3 e2e/nodes/test_verdicts.py
"""

import pathlib
import sys
import unittest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))

from control import Call, Verdict
from ledger import Ledger, text_of

P, A, B = "1", "2", "3"  # P is the primary receiver


def entry(tag, before, after, by=None, refused=None):
    number = {None: None, P: 1, A: 2, B: 3}
    return {
        "rule": "HOP-PASS-1",
        "by_app_id": number[by],
        "from_app_id": number[before],
        "to_app_id": number[after],
        "metadata": tag,
        "refused": refused,
    }


FIRST = entry(None, None, P)
REFUSED = {"code": 100, "subcode": None}


def passes(app, to, tag, began, ended, accepted=True):
    return Call("pass", app, to, tag, began, ended, accepted)


def reads(owner, began, ended):
    return Call("read", B, None, "read", began, ended, True, owner)


class Control(unittest.TestCase):
    def finds(self, fault, calls, *entries):
        faults = Verdict("Ann", calls, [FIRST, *entries], P).of()
        self.assertEqual(len(faults), 1 if fault else 0, faults)
        for found in faults:
            self.assertIn(fault, found)

    def test_what_can_have_happened_is_no_fault(self):
        calls = [
            passes(P, A, "P-1", 1, 2),
            passes(B, A, "B-1", 1, 3, accepted=False),
            reads(P, 1, 2),
            reads(A, 1, 2),
            reads(A, 3, 4),
            passes(A, B, "A-1", 5, float("inf"), accepted=None),
            passes(A, B, "A-2", 5, float("inf"), accepted=None),
            reads(B, 6, 7),
            Call("request", A, None, "A-3", 6, 7, True),
        ]
        entries = entry("P-1", P, A), entry("B-1", A, A, refused=REFUSED), entry("A-1", A, B)
        self.finds(None, calls, *entries)

    def test_an_acknowledged_change_must_be_in_the_history(self):
        self.finds("lost:", [passes(P, A, "P-1", 1, 2)])

    def test_a_refusal_must_be_in_the_history(self):
        self.finds("lost:", [passes(A, B, "A-1", 1, 2, accepted=False)])

    def test_an_owner_whom_nobody_made_one(self):
        self.finds("two owners:", [], entry("P-1", P, A), entry("P-2", P, B))

    def test_an_app_passes_what_is_not_its_own(self):
        self.finds("rule:", [passes(B, A, "B-1", 1, 2)], entry("B-1", P, A))

    def test_it_is_refused_what_it_may(self):
        call = passes(P, A, "P-1", 1, 2, accepted=False)
        self.finds("rule:", [call], entry("P-1", P, P, refused=REFUSED))

    def test_somebody_else_gets_it(self):
        self.finds("rule:", [passes(P, A, "P-1", 1, 2)], entry("P-1", P, B))

    def test_the_answer_is_another_one(self):
        self.finds("answer:", [passes(A, B, "A-1", 1, 2)], entry("A-1", P, P, refused=REFUSED))

    def test_one_call_happens_twice(self):
        call = Call("take", P, None, "P-1", 1, 2, True)
        self.finds("twice:", [call], entry("P-1", P, P), entry("P-1", P, P))

    def test_what_was_answered_stands_after_what_began_then(self):
        calls = [passes(P, A, "P-1", 1, 2), Call("request", B, None, "B-1", 3, 4, False)]
        early = Call("take", P, None, "P-0", 3, 4, True)
        self.finds("order:", [calls[0], early], entry("P-0", P, P), entry("P-1", P, A))

    def test_a_read_that_is_late(self):
        self.finds("stale:", [passes(P, A, "P-1", 1, 2), reads(P, 3, 4)], entry("P-1", P, A))

    def test_a_read_that_goes_back(self):
        calls = [passes(P, A, "P-1", 1, 9), reads(A, 2, 3), reads(P, 4, 5)]
        self.finds("stale:", calls, entry("P-1", P, A))

    def test_a_read_of_what_nobody_had_asked_for(self):
        self.finds("order:", [reads(A, 1, 2), passes(P, A, "P-1", 3, 4)], entry("P-1", P, A))

    def test_what_changes_nothing_must_be_true_somewhere(self):
        self.finds("stale:", [Call("take", A, None, "A-1", 1, 2, True)])


class Messages(unittest.TestCase):
    def setUp(self):
        self.ledger = Ledger([P, A])
        for number in (1, 2):
            self.ledger.wrote("Ann", number, P)
            self.ledger.acknowledge("Ann", number, f"m{number}")

    def hears(self, app, *numbers, node=1, at=1.0, channel=None, mid=None):
        for number in numbers:
            event = {"message": {"mid": mid or f"m{number}", "text": text_of("Ann", number)}}
            body = {"entry": [{channel or ("messaging" if app == P else "standby"): [event]}]}
            self.ledger.arrived(app, body, node, at)

    def finds(self, *wanted, resumed=()):
        faults, _ = self.ledger.verdict(resumed)
        self.assertEqual([fault.partition(":")[0] for fault in faults], list(wanted), faults)

    def test_all_is_well(self):
        self.hears(P, 1, 2)
        self.hears(A, 1, 2)
        self.finds()

    def test_a_message_that_does_not_arrive(self):
        self.hears(P, 1, 2)
        self.hears(A, 1)
        self.finds("lost")

    def test_messages_out_of_order(self):
        self.hears(P, 2, 1)
        self.hears(A, 1, 2)
        self.finds("order")

    def test_the_wrong_channel(self):
        self.hears(P, 1, 2)
        self.hears(A, 1)
        self.hears(A, 2, channel="messaging")
        self.finds("channel")

    def test_another_id(self):
        self.hears(P, 1, 2)
        self.hears(A, 1)
        self.hears(A, 2, mid="m7")
        self.finds("other id")

    def test_two_answers(self):
        self.hears(P, 1, 2)
        self.hears(A, 1, 2)
        self.ledger.acknowledge("Ann", 2, "m7")
        self.finds("two answers")

    def test_what_is_repeated_although_nothing_happened(self):
        self.hears(P, 1, 2, 2)
        self.hears(A, 1, 2)
        self.finds("repeated")
        self.ledger.disturbed = 0.5
        self.finds()

    def test_a_node_that_was_paused_repeats_more_than_one(self):
        self.ledger.disturbed = 0.5
        self.hears(P, 1, 2)
        self.hears(A, 1, 2)
        self.hears(A, 2, node=3, at=5.0)
        self.finds(resumed=[(3, 4.0, 9.0)])
        self.hears(A, 1, node=3, at=6.0)
        self.finds("late", resumed=[(3, 4.0, 9.0)])

    def test_a_message_that_its_conversation_does_not_have(self):
        self.assertEqual(self.ledger.not_in("Ann", ["m1", "m7", "m2"]), [])
        self.assertIn("lost:", self.ledger.not_in("Ann", ["m1"])[0])
        self.assertIn("order:", self.ledger.not_in("Ann", ["m2", "m1"])[0])
        self.assertIn("order:", self.ledger.not_in("Ann", ["m1", "m2", "m2"])[0])


if __name__ == "__main__":
    unittest.main()
