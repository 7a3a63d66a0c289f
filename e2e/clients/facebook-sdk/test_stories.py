"""Stories of a program that uses facebook-sdk: everything in a form, the token too; pages of pages; the version's header."""

import io
import unittest

import facebook
from baton import Baton, Receiver

PAGE, PERSON = "2001", "5001"


class Stories(unittest.TestCase):
    def setUp(self):
        self.first = Receiver("First bot", "700000000000081")
        self.second = Receiver("Second bot", "700000000000082")
        both = [self.first, self.second]
        for receiver in both:
            self.addCleanup(receiver.close)
        table = f'\n[[pages]]\nid = "{PAGE}"\nname = "Market"\nmessenger = {{ primary_receiver = "First bot" }}\n'
        connections = "".join(receiver.connection() for receiver in both)
        self.baton = Baton("".join(receiver.app() for receiver in both) + table + connections)
        self.addCleanup(self.baton.kill)
        facebook.FACEBOOK_GRAPH_URL = f"{self.baton.origin}/"
        self.graph = facebook.GraphAPI(self.first.token, version="3.1")

    def test_it_talks_reads_and_hands_over(self):
        graph = self.graph
        self.assertEqual(graph.get_version(), "3.1")
        self.assertEqual(graph.get_object("me", fields="id,name"), {"id": PAGE, "name": "Market"})
        self.assertEqual(graph.get_objects(["me", PAGE], fields="name")[PAGE], {"name": "Market", "id": PAGE})
        people = [f"600{number}" for number in range(7)]
        for person in people:
            self.baton.says(PAGE, person, f"hello from {person}")
            self.first.hears("messaging", "message")
            self.second.hears("standby", "message")
        # All of them, three at a time: the library follows the addresses of the next pages.
        found = list(graph.get_all_connections("me", "conversations", limit=3, fields="participants,messages{message}"))
        self.assertEqual(sorted(one["participants"]["data"][0]["id"] for one in found), people)
        self.assertEqual(found[-1]["messages"]["data"][0]["message"], "hello from 6000")

        sent = graph.put_object("me", "messages", recipient='{"id":"6000"}', message='{"text":"Hi"}', messaging_type="RESPONSE")
        self.assertEqual(sent["recipient_id"], "6000")
        self.assertEqual(self.first.hears("messaging", "echo")["message"]["mid"], sent["message_id"])
        self.second.hears("standby", "echo")
        self.assertEqual(graph.get_object(sent["message_id"], fields="message,from")["from"]["id"], PAGE)
        label = graph.put_object("me", "custom_labels", page_label_name="vip")
        self.assertEqual(graph.put_object(label["id"], "label", user="6000"), {"success": True})
        self.assertEqual(graph.get_connections("6000", "custom_labels")["data"][0]["id"], label["id"])
        self.assertEqual(graph.delete_object(label["id"]), {"success": True})
        with self.assertRaises(facebook.GraphAPIError) as gone:
            graph.get_object(label["id"])
        self.assertEqual(gone.exception.code, 100)

        # A file: multipart, under the name that the library gives every file.
        text = '{"attachment":{"type":"image","payload":{"is_reusable":true}}}'
        picture = ("shirt.png", io.BytesIO(b"\x89PNG\r\n\x1a\n"), "image/png")
        kept = graph.put_photo(picture, album_path="me/message_attachments", message=text)
        self.assertTrue(kept["attachment_id"].isdigit())

        self.assertEqual(graph.put_object("me", "pass_thread_control", recipient="{id:6000}", target_app_id=self.second.id), {"success": True})
        self.second.hears("messaging", "pass_thread_control")
        with self.assertRaises(facebook.GraphAPIError) as refused:
            graph.put_object("me", "messages", recipient="{id:6000}", message="{text:'more'}")
        self.assertEqual(refused.exception.code, 10)
        self.assertIn("another app is controlling this thread", str(refused.exception))
        self.assertIs(graph.put_object("me", "take_thread_control", recipient="{id:6000}")["success"], True)
        self.baton.stop()

    def test_tokens(self):
        graph = self.graph
        app = graph.get_app_access_token(self.first.id, self.first.secret)
        self.assertEqual(app, f"{self.first.id}|{self.first.secret}")
        debugged = graph.debug_access_token(self.first.token, self.first.id, self.first.secret)["data"]
        self.assertEqual((debugged["is_valid"], debugged["app_id"], debugged["profile_id"]), (True, self.first.id, PAGE))
        with self.assertRaises(facebook.GraphAPIError) as unknown:
            facebook.GraphAPI("EAAnonsense", version="3.1").get_object("me")
        self.assertEqual((unknown.exception.code, unknown.exception.type), (190, "OAuthException"))
        self.baton.stop()


if __name__ == "__main__":
    unittest.main()
