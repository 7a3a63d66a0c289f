"""Stories of a bot that uses fbmq: versions up to 2.11, nulls for everything that is not there, a receiver that looks at
`messaging` alone. The address is written into it; a subclass says another one."""

import json
import unittest

import requests
from baton import Baton, Receiver
from fbmq import Attachment, Page, QuickReply, Template

PAGE, PERSON = "2001", "5001"


class Stories(unittest.TestCase):
    def setUp(self):
        self.bot = Receiver("Mq bot", "700000000000071")
        self.desk = Receiver("Desk", "700000000000072")
        for receiver in [self.bot, self.desk]:
            self.addCleanup(receiver.close)
        table = f'\n[[pages]]\nid = "{PAGE}"\nname = "Market"\nmessenger = {{ primary_receiver = "Mq bot" }}\n'
        connections = self.bot.connection() + self.desk.connection()
        self.baton = Baton(self.bot.app() + self.desk.app() + table + connections)
        self.addCleanup(self.baton.kill)
        origin = self.baton.origin

        class Market(Page):
            def _api_uri(self, sub):
                return f"{origin}/{self._api_ver}/{sub}"

        self.page = Market(self.bot.token, api_ver="v2.11")

    def handled(self):
        """What the next webhook comes to in the library's own hands: its name and its event."""
        heard = []
        names = ["optin", "message", "echo", "delivery", "postback", "read", "referral", "pass_thread_control", "take_thread_control"]
        handlers = {name: lambda event, name=name: heard.append((name, event)) for name in names}
        self.page.handle_webhook(json.dumps(self.bot.payload()), **handlers)
        self.assertEqual(len(heard), 1, heard)
        return heard[0]

    def sent(self, answer):
        self.assertEqual(answer.status_code, 200, answer.text)
        name, echo = self.handled()
        self.assertEqual((name, echo.mid, echo.app_id), ("echo", answer.json()["message_id"], int(self.bot.id)))
        self.desk.hears("standby", "echo")

    def test_a_page_that_is_set_up_talks_and_hands_over(self):
        self.assertEqual((self.page.page_id, self.page.page_name), (PAGE, "Market"))
        self.page.greeting("Hi {{user_first_name}}")
        self.page.show_starting_button("START")
        self.page.show_persistent_menu([Template.ButtonPostBack("Help", "HELP")])
        profile = self.baton_profile()
        self.assertEqual(profile["get_started"], {"payload": "START"})
        self.assertEqual(profile["persistent_menu"][0]["call_to_actions"][0]["payload"], "HELP")

        self.baton.does(PAGE, PERSON, "get_started", {})
        name, event = self.handled()
        while name == "pass_thread_control":
            name, event = self.handled()
        self.assertEqual((name, event.payload, event.sender_id), ("postback", "START", PERSON))
        self.desk.hears("standby", "postback")

        replies = [QuickReply("Yes", "YES"), QuickReply(title="No", payload="NO")]
        self.sent(self.page.send(PERSON, "Shall we?", quick_replies=replies, metadata="m"))
        self.sent(self.page.send(PERSON, Attachment.Image("https://market.test/a.png")))
        self.sent(self.page.send(PERSON, Template.Buttons("Well?", [Template.ButtonWeb("Shop", "https://market.test"), Template.ButtonPostBack("Buy", "BUY")])))
        shirt = Template.GenericElement("Shirt", subtitle="Red", image_url="https://market.test/a.png", buttons=[Template.ButtonPhoneNumber("Call", "+15105551234")])
        self.sent(self.page.send(PERSON, Template.Generic([shirt])))
        self.page.typing_on(PERSON)
        self.page.mark_seen(PERSON)

        self.baton.does(PAGE, PERSON, "message", {"text": "Yes", "quick_reply": {"payload": "YES"}})
        name, event = self.handled()
        self.assertEqual((name, event.is_quick_reply, event.quick_reply_payload, event.text), ("message", True, "YES", "Yes"))
        self.desk.hears("standby", "message")
        self.assertTrue(self.page.get_messenger_code(ref="spring").startswith("http"))

        self.baton.api("POST", f"/pages/{PAGE}/threads/{PERSON}/inbox", {"action": "move_to_main"})
        self.handled()
        refused = self.page.send(PERSON, "still me")
        self.assertEqual((refused.status_code, refused.json()["error"]["error_subcode"]), (400, 2018300))
        self.assertEqual(self.page.get_user_profile(PERSON), {"id": PERSON}, "nothing was told of the person")
        self.page.hide_persistent_menu()
        self.page.hide_starting_button()
        self.assertEqual(list(self.baton_profile()), ["greeting"])
        self.baton.stop()

    def baton_profile(self):
        answer = requests.get(f"{self.baton.origin}/me/messenger_profile", params={"access_token": self.bot.token})
        return answer.json()["data"][0]


if __name__ == "__main__":
    unittest.main()
