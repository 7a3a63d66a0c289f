"""Stories of a business that uses Meta's own SDK as it is. Only `FacebookSession.GRAPH` says that it speaks with Baton."""

import unittest

from baton import Baton, Receiver
from facebook_business.adobjects.page import Page
from facebook_business.api import FacebookAdsApi
from facebook_business.exceptions import FacebookRequestError
from facebook_business.session import FacebookSession

PAGE, PERSON = "2001", "5001"


class Stories(unittest.TestCase):
    def start(self, page):
        self.sales, self.care = Receiver("Sales", "700000000000021"), Receiver("Care", "700000000000022")
        both = [self.sales, self.care]
        for receiver in both:
            self.addCleanup(receiver.close)
        table = f'\n[[pages]]\nid = "{PAGE}"\nname = "Jasper\'s Market"\n{page}'
        apps = "".join(receiver.app() for receiver in both)
        self.baton = Baton(apps + table + "".join(receiver.connection() for receiver in both))
        self.addCleanup(self.baton.kill)
        FacebookSession.GRAPH = self.baton.origin
        return [self.page(receiver) for receiver in both]

    @staticmethod
    def page(receiver):
        session = FacebookSession(receiver.id, receiver.secret, receiver.token)
        return Page(PAGE, api=FacebookAdsApi(session))

    def refused(self, call):
        with self.assertRaises(FacebookRequestError) as raised:
            call()
        return raised.exception

    def test_control_goes_to_and_fro(self):
        sales, care = self.start('[pages.messenger]\nprimary_receiver = "Sales"\n')
        self.assertEqual(sales.api_get(fields=["id", "name"])["name"], "Jasper's Market")
        person = {"recipient": {"id": PERSON}}
        self.baton.says(PAGE, PERSON, "hello")
        self.sales.hears("messaging", "message")
        self.care.hears("standby", "message")
        sent = sales.create_message(params={**person, "messaging_type": "RESPONSE", "message": {"text": "50% & more – 👍"}})
        self.assertEqual(sent["recipient_id"], PERSON)
        echo = self.care.hears("standby", "echo")["message"]
        self.assertEqual((echo["mid"], echo["text"]), (sent["message_id"], "50% & more – 👍"))
        self.sales.hears("messaging", "echo")

        error = self.refused(lambda: care.create_message(params={**person, "message": {"text": "me too"}}))
        self.assertEqual((error.api_error_code(), error.api_error_subcode(), error.http_status()), (10, 2018300, 400))
        self.assertFalse(error.api_transient_error())
        care.create_request_thread_control(params={**person, "metadata": "please"})
        asked = self.sales.hears("messaging", "request_thread_control")["request_thread_control"]
        self.assertEqual((asked["requested_owner_app_id"], asked["metadata"]), (self.care.id, "please"))
        sales.create_pass_thread_control(params={**person, "target_app_id": int(self.care.id), "metadata": "yours"})
        self.assertEqual(self.care.hears("messaging", "pass_thread_control")["pass_thread_control"]["metadata"], "yours")
        owner = sales.get_thread_owner(params={"recipient": PERSON})
        self.assertEqual(owner[0]["thread_owner"]["app_id"], self.care.id)
        care.create_extend_thread_control(params={**person, "duration": 3600})
        sales.create_take_thread_control(params=person)
        self.care.hears("messaging", "take_thread_control")
        sales.create_release_thread_control(params=person)
        self.assertEqual(len(sales.get_thread_owner(params={"recipient": PERSON})), 0, "nobody's")
        self.assertEqual(self.baton.rules(PAGE, PERSON)[-4:], ["HOP-PASS-1", "HOP-EXT-1", "HOP-TAKE-2", "HOP-REL-1"])
        self.assertEqual((self.sales.role, self.care.role), (["primary_receiver"], ["secondary_receiver"]))
        for receiver in [self.sales, self.care]:
            receiver.assert_quiet()
        self.baton.stop()

    def test_many_calls_in_one_batch(self):
        sales, _ = self.start('[pages.messenger]\ndefault_app = "Sales"\n')
        self.baton.says(PAGE, PERSON, "hello")
        answers, failures = [], []
        batch = sales.get_api_assured().new_batch()
        for person in [PERSON, "nobody"]:
            sales.create_message(
                params={"recipient": {"id": person}, "message": {"text": "1 & 2 = {3}"}},
                batch=batch, success=answers.append, failure=failures.append,
            )
        sales.api_get(fields=["id"], batch=batch, success=answers.append, failure=failures.append)
        self.assertIsNone(batch.execute(), "nothing is left to be tried again")
        self.assertEqual([answer.json().get("recipient_id") for answer in answers], [PERSON, None])
        self.assertEqual([failure.error().api_error_subcode() for failure in failures], [2018001])
        self.sales.hears("messaging", "message")
        self.assertEqual(self.sales.hears("messaging", "echo")["message"]["text"], "1 & 2 = {3}")
        self.baton.stop()

    def test_what_a_page_keeps_comes_in_pages(self):
        sales, _ = self.start("")
        made = set()
        for name in ["Ann", "Ben", "Cem"]:
            params = {"name": name, "profile_picture_url": f"https://market.test/{name}.png"}
            made.add(sales.create_persona(params=params)["id"])
        # The SDK's cursor follows `paging` by itself until there is no more.
        listed = list(sales.get_personas(fields=["name"], params={"limit": 2}))
        self.assertEqual({persona["id"] for persona in listed}, made)
        self.assertEqual({persona["name"] for persona in listed}, {"Ann", "Ben", "Cem"})
        for number in range(5):
            self.baton.says(PAGE, f"600{number}", f"hello {number}")
        conversations = list(sales.get_conversations(fields=["id", "participants", "snippet"], params={"limit": 2}))
        self.assertEqual([one["snippet"] for one in conversations], [f"hello {number}" for number in [4, 3, 2, 1, 0]])
        label = sales.create_custom_label(params={"page_label_name": "VIP"})
        self.assertTrue(label["id"].isdigit())
        sales.create_messenger_profile(params={"get_started": {"payload": "START"}})
        self.assertEqual(sales.get_messenger_profile(fields=["get_started"])[0]["get_started"], {"payload": "START"})
        sales.delete_messenger_profile(params={"fields": ["get_started"]})
        self.assertEqual(len(sales.get_messenger_profile(fields=["get_started"])), 0)
        sales.create_subscribed_app(params={"subscribed_fields": ["messages", "messaging_postbacks"]})
        self.assertEqual(sales.get_subscribed_apps()[0]["subscribed_fields"], ["messages", "messaging_postbacks"])
        self.baton.stop()


if __name__ == "__main__":
    unittest.main()
