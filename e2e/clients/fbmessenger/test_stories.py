"""Stories of bots that use fbmessenger as it is. Only `graph_url` says that they speak with Baton."""

import unittest

import requests
from baton import Baton, Receiver
from fbmessenger import BaseMessenger, MessengerClient, attachments

PAGE, PERSON = "2001", "5001"


class Bot(BaseMessenger):
    """A bot as the library wants it written: `handle` takes a webhook and calls one of these."""

    def __init__(self, receiver, origin):
        super().__init__(receiver.token, app_secret=receiver.secret)
        self.client.graph_url = f"{origin}/v2.12"
        self.receiver = receiver

    def message(self, message):
        return "message", message["message"]

    def postback(self, message):
        return "postback", message["postback"]

    def delivery(self, message):
        return "delivery", message["delivery"]

    def read(self, message):
        return "read", message["read"]

    def account_linking(self, message):
        return "account_linking", message["account_linking"]

    def optin(self, message):
        return "optin", message["optin"]

    def handled(self):
        """What the next webhook comes to in the library's own hands."""
        return self.handle(self.receiver.payload())

    def control(self, edge, **body):
        """The library has no methods for control; its session and its address do."""
        url = f"{self.client.graph_url}/me/{edge}"
        body["recipient"] = {"id": PERSON}
        return self.client.session.post(url, params=self.client.auth_args, json=body).json()


class Stories(unittest.TestCase):
    def start(self, page, more=""):
        self.first = Receiver("First bot", "700000000000011")
        self.second = Receiver("Second bot", "700000000000012")
        both = [self.first, self.second]
        for receiver in both:
            self.addCleanup(receiver.close)
        apps = "".join(receiver.app() for receiver in both)
        table = f'\n[[pages]]\nid = "{PAGE}"\nname = "Jasper\'s Market"\n{page}'
        self.baton = Baton(apps + table + "".join(receiver.connection(more) for receiver in both))
        self.addCleanup(self.baton.kill)
        return [Bot(receiver, self.baton.origin) for receiver in both]

    def test_handover_with_menus_files_and_profile(self):
        first, second = self.start('[pages.messenger]\nprimary_receiver = "First bot"\n')
        # Set up as the library's own example does it.
        self.assertEqual(first.subscribe_app_to_page(), {"success": True})
        self.assertEqual(first.set_messenger_profile({"get_started": {"payload": "START"}}), {"result": "success"})
        self.assertEqual(first.add_whitelisted_domains("https://market.test"), {"result": "success"})
        self.baton.does(PAGE, PERSON, "get_started", {})
        self.first.hears("messaging", "pass_thread_control")
        kind, postback = first.handled()
        self.assertEqual((kind, postback["payload"], postback["title"]), ("postback", "START", "Get Started"))
        overheard = self.second.hears("standby", "postback")
        self.assertNotIn("payload", overheard["postback"], "the payload is for who set it")

        # Ask with buttons and quick replies; the tap comes back.
        self.assertEqual(first.send_action("typing_on"), {"recipient_id": PERSON})
        # The library's own classes for templates need a Python before 3.10; what they make is this.
        button = {"type": "postback", "title": "Talk", "payload": "TALK"}
        template = {"template_type": "button", "text": "What can I do for you?", "buttons": [button]}
        reply = {"content_type": "text", "title": "Help", "payload": "HELP"}
        sent = first.send({"attachment": {"type": "template", "payload": template}, "quick_replies": [reply]})
        self.assertEqual(list(sent), ["recipient_id", "message_id"], sent)
        echo = self.second.hears("standby", "echo")
        self.assertEqual((echo["message"]["mid"], echo["message"]["app_id"]), (sent["message_id"], int(first.receiver.id)))
        self.assertTrue(self.first.hears("messaging", "echo"))
        self.baton.does(PAGE, PERSON, "postback", {"payload": "TALK", "title": "Talk", "mid": sent["message_id"]})
        self.assertEqual(first.handled()[1]["payload"], "TALK")
        self.second.hears("standby", "postback")

        # A file that is kept, by its address.
        kept = first.upload_attachment(attachments.Image(url="https://market.test/shirt.png", is_reusable=True))
        self.assertTrue(kept["attachment_id"].isdigit(), kept)
        image = {"attachment": {"type": "image", "payload": {"attachment_id": kept["attachment_id"]}}}
        self.assertIn("message_id", first.send(image))
        shown = self.second.hears("standby", "echo")["message"]["attachments"]
        self.assertEqual(shown, [{"type": "image", "payload": {"url": "https://market.test/shirt.png"}}])
        self.first.hears("messaging", "echo")

        # The other may not send until control is passed to it, and gives it back by its end.
        second.last_message = {"sender": {"id": PERSON}}
        error = second.send({"text": "me too"})["error"]
        self.assertEqual((error["code"], error["error_subcode"], error["type"]), (10, 2018300, "OAuthException"))
        self.assertEqual(first.control("pass_thread_control", target_app_id=second.receiver.id, metadata="over"), {"success": True})
        passed = self.second.hears("messaging", "pass_thread_control")["pass_thread_control"]
        self.assertEqual((passed["new_owner_app_id"], passed["metadata"]), (second.receiver.id, "over"))
        self.baton.says(PAGE, PERSON, "Grüß Gott")
        kind, message = second.handled()
        self.assertEqual((kind, message["text"]), ("message", "Grüß Gott"))
        self.first.hears("standby", "message")
        self.assertIn("message_id", second.send({"text": "Hello from the second"}))
        self.first.hears("standby", "echo")
        self.second.hears("messaging", "echo")
        self.assertIs(first.control("take_thread_control", metadata="back")["success"], True)
        self.second.hears("messaging", "take_thread_control")
        self.assertEqual(self.baton.rules(PAGE, PERSON)[-2:], ["HOP-PASS-1", "HOP-TAKE-2"])

        # What is known of the person, and what is not.
        self.baton.api("PUT", f"/pages/{PAGE}/people/{PERSON}", {"first_name": "Ann", "last_name": "Lee"})
        self.assertEqual(first.get_user(), {"first_name": "Ann", "last_name": "Lee", "id": PERSON})
        self.assertEqual(first.link_account("nonsense")["error"]["code"], 10303)
        self.assertEqual(first.unlink_account(PERSON), {"result": "unlink account success"})
        self.assertEqual(first.handled(), ("account_linking", {"status": "unlinked"}))
        self.assertEqual(first.remove_whitelisted_domains(), {"result": "success"})
        self.assertEqual(first.delete_get_started(), {"result": "success"})
        for receiver in [self.first, self.second]:
            receiver.assert_quiet()
        self.baton.stop()

    def test_conversation_routing_and_a_receiver_that_looks_at_messaging_only(self):
        # The library's `handle` raises a KeyError where `messaging` is missing: one switch of its app cures it.
        both = '[pages.messenger]\ndefault_app = "First bot"\n'
        first, second = self.start(both)
        self.baton.api("PATCH", f"/apps/{second.receiver.id}", {"compat": ["empty-messaging-beside-standby"]})
        self.baton.says(PAGE, PERSON, "hello")
        self.assertEqual(first.handled()[1]["text"], "hello")
        overheard = self.second.payload()
        self.assertEqual(overheard["entry"][0]["messaging"], [])
        self.assertEqual(overheard["entry"][0]["standby"][0]["message"]["text"], "hello")
        self.assertIsNone(second.handle(overheard), "nothing for it, and no error")
        self.assertEqual(first.control("pass_thread_control", target_app_id=int(second.receiver.id)), {"success": True})
        self.second.hears("messaging", "pass_thread_control")
        self.baton.says(PAGE, PERSON, "and now?")
        self.assertEqual(second.handled()[1]["text"], "and now?")
        self.first.hears("standby", "message")
        self.assertEqual(second.control("release_thread_control"), {"success": True})
        self.baton.stop()

    def test_tokens_and_proofs(self):
        first, _ = self.start("")
        wrong = MessengerClient("EAAnonsense")
        wrong.graph_url = first.client.graph_url
        self.assertEqual(wrong.send({"text": "x"}, PERSON)["error"]["code"], 190)
        stolen = MessengerClient(first.receiver.token, app_secret="not the secret")
        stolen.graph_url = first.client.graph_url
        error = stolen.send({"text": "x"}, PERSON)["error"]
        self.assertEqual((error["code"], error["type"]), (100, "GraphMethodException"))
        answer = requests.get(f"{self.baton.origin}/v2.12/me", headers={"authorization": f"Bearer {first.receiver.token}"})
        self.assertEqual(answer.json(), {"name": "Jasper's Market", "id": PAGE})
        self.baton.stop()


if __name__ == "__main__":
    unittest.main()
