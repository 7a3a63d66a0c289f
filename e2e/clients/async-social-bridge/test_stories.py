"""Stories of a program that uses socialbridge for Messenger and Instagram: JSON with the token in it, over httpx. The
address is a variable of its module."""

import unittest

from baton import Baton, Receiver
from socialbridge.exceptions import SendError
from socialbridge.meta import MetaAdapter, MetaParser, adapter
from socialbridge.models import OutgoingMessage

PAGE, ACCOUNT, PERSON = "2001", "17841400000001", "5001"


class Stories(unittest.IsolatedAsyncioTestCase):
    async def test_both_surfaces_with_one_token(self):
        first, second = Receiver("First bot", "700000000000091"), Receiver("Second bot", "700000000000092")
        for receiver in [first, second]:
            self.addCleanup(receiver.close)
        table = (
            f'\n[[pages]]\nid = "{PAGE}"\nname = "Market"\nmessenger = {{ default_app = "First bot" }}\n'
            f'instagram = {{ id = "{ACCOUNT}", username = "market", default_app = "Second bot" }}\n'
        )
        baton = Baton(first.app() + second.app() + table + first.connection() + second.connection())
        self.addCleanup(baton.kill)
        adapter.META_GRAPH_API = f"{baton.origin}/v20.0"
        parser = MetaParser()
        for place, platform, owner, other in [(PAGE, "messenger", first, second), (ACCOUNT, "instagram", second, first)]:
            baton.says(place, PERSON, "Grüß Gott")
            heard = parser.parse(owner.payload())
            while not heard:  # What the owner is told of control is nothing that the parser knows.
                heard = parser.parse(owner.payload())
            [message] = heard
            self.assertEqual((message.sender_id, message.receiver_id, message.text), (PERSON, place, "Grüß Gott"))
            self.assertEqual(parser.parse(other.payload()), [], "standby")
            answer = OutgoingMessage(platform=platform, receiver_id=place, to=PERSON, text="Servus")
            async with MetaAdapter(access_token=owner.token) as sender:
                sent = await sender.send_text_message(answer)
            self.assertTrue(sent.success and sent.metadata["message_id"], sent)
            owner.hears("messaging", "echo")
            other.hears("standby", "echo")
            async with MetaAdapter(access_token=other.token) as sender:
                with self.assertRaises(SendError) as refused:
                    await sender.send_text_message(answer)
            self.assertEqual(refused.exception.status_code, 400)
            self.assertIn("thread", refused.exception.response_body)
        baton.stop()


if __name__ == "__main__":
    unittest.main()
