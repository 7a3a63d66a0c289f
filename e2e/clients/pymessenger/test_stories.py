"""Stories of a bot that uses pymessenger as it is: an old version in the path, proofs, no `messaging_type`, JSON in
strings. Only `graph_url` says that it speaks with Baton."""

import unittest

from baton import Baton, Receiver
from pymessenger import Element
from pymessenger.bot import Bot
from pymessenger.user_profile import UserProfileApi

PAGE, PERSON = "2001", "5001"


class Stories(unittest.TestCase):
    def start(self, page):
        self.first = Receiver("First bot", "700000000000061")
        self.second = Receiver("Second bot", "700000000000062")
        both = [self.first, self.second]
        for receiver in both:
            self.addCleanup(receiver.close)
        table = f'\n[[pages]]\nid = "{PAGE}"\nname = "Market"\n{page}'
        parts = [receiver.app() for receiver in both] + [table] + [receiver.connection() for receiver in both]
        self.baton = Baton("".join(parts))
        self.addCleanup(self.baton.kill)
        return [self.bot(receiver) for receiver in both]

    def bot(self, receiver):
        bot = Bot(receiver.token, app_secret=receiver.secret, api_version=2.6)
        bot.graph_url = f"{self.baton.origin}/v2.6"
        return bot

    def test_it_sends_whatever_it_can_and_is_refused_when_it_is_not_its_turn(self):
        first, second = self.start('[pages.messenger]\ndefault_app = "First bot"\n')
        self.baton.says(PAGE, PERSON, "hello")
        self.assertEqual(self.first.hears("messaging", "message")["message"]["text"], "hello")
        self.second.hears("standby", "message")
        button = {"type": "postback", "title": "Buy", "payload": "BUY"}
        element = Element(title="Shirt", subtitle="Red", image_url="https://market.test/a.png", item_url="https://market.test")
        for answer in [
            first.send_text_message(PERSON, "Grüß Gott 👋 100% <b> a/b"),
            first.send_generic_message(PERSON, [element]),
            first.send_button_message(PERSON, "Well?", [button]),
            first.send_image_url(PERSON, "https://market.test/a.png"),
            first.send_audio_url(PERSON, "https://market.test/a.mp3"),
            first.send_video_url(PERSON, "https://market.test/a.mp4"),
            first.send_file_url(PERSON, "https://market.test/a.pdf"),
            first.send_raw({"recipient": {"id": PERSON}, "message": {"text": "raw"}}),
        ]:
            self.assertEqual((list(answer), answer["recipient_id"]), (["recipient_id", "message_id"], PERSON), answer)
            echo = self.first.hears("messaging", "echo")
            self.assertEqual((echo["message"]["mid"], echo["message"]["app_id"]), (answer["message_id"], int(self.first.id)))
            self.second.hears("standby", "echo")
        self.assertEqual(first.send_action(PERSON, "typing_on"), {"recipient_id": PERSON})

        error = second.send_text_message(PERSON, "me too")["error"]
        self.assertEqual((error["code"], error["error_subcode"]), (10, 2018300))
        self.assertIn("Another app controls this conversation", error["error_user_msg"])
        passed = {"recipient": {"id": PERSON}, "message": {"text": "over"}, "thread_control": {"app_id": self.second.id, "control_type": "pass"}}
        self.assertIn("message_id", first.send_raw(passed))
        self.first.hears("messaging", "echo")
        self.second.hears("standby", "echo")
        self.second.hears("messaging", "pass_thread_control")
        self.assertIn("message_id", second.send_text_message(PERSON, "mine"))
        self.assertEqual(first.send_text_message(PERSON, "x")["error"]["error_subcode"], 2018300)
        self.baton.stop()

    def test_profiles_and_wrong_tokens(self):
        first, _ = self.start("")
        self.baton.says(PAGE, PERSON, "hello")
        profiles = UserProfileApi(self.first.token, app_secret=self.first.secret)
        profiles.graph_url = first.graph_url
        self.assertEqual(profiles.get(PERSON), {"id": PERSON}, "nothing else is known yet")
        self.baton.api("PUT", f"/pages/{PAGE}/people/{PERSON}", {"first_name": "Ann", "profile_pic": "https://market.test/ann.png"})
        fields = ["first_name", "last_name", "profile_pic", "locale", "timezone", "gender"]
        known = {"first_name": "Ann", "profile_pic": "https://market.test/ann.png", "id": PERSON}
        self.assertEqual(profiles.get(PERSON, fields), known)
        wrong = Bot("EAAnonsense", api_version=2.6)
        wrong.graph_url = first.graph_url
        self.assertEqual(wrong.send_text_message(PERSON, "x")["error"]["code"], 190)
        unproven = Bot(self.first.token, app_secret="another", api_version=2.6)
        unproven.graph_url = first.graph_url
        self.assertEqual(unproven.send_text_message(PERSON, "x")["error"]["type"], "GraphMethodException")
        self.assertEqual(first.send_text_message("9999", "x")["error"]["error_subcode"], 2018001)
        self.baton.stop()


if __name__ == "__main__":
    unittest.main()
