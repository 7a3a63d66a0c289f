"""Hands each conversation in which a person has waited too long for an answer to another app: a help desk, say.

    pip install -r requirements.txt
    baton openapi > openapi.json
    datamodel-codegen --input openapi.json --input-file-type openapi --output baton_api.py \
        --output-model-type pydantic_v2.BaseModel --use-annotated --use-title-as-name
    BATON_OPERATOR_TOKEN=… python hand_over_waiting.py --to "Help desk" --minutes 10

What is read and sent are the types of `baton_api`, which are made from the description of the API: what an answer does not
have fails here and not somewhere later. `cron` may run this each minute; whoever was handed over once is not again."""

import argparse
import datetime
import os
from collections.abc import Iterator

import httpx
from baton_api import Conversation, ConversationList, Decision, Directory, InboxAct, MoveToMain, Pass, Problem, Speaker


class Refused(Exception):
    """Baton said no; why is in its words."""


class Baton:
    def __init__(self, server: str, token: str):
        headers = {"Authorization": f"Bearer {token}"}
        self.http = httpx.Client(base_url=f"{server}/baton/v1/", headers=headers, timeout=10)

    def ask(self, method: str, path: str, **more) -> str:
        answer = self.http.request(method, path, **more)
        if answer.is_error:
            raise Refused(Problem.model_validate_json(answer.text).detail)
        return answer.text

    def app(self, name: str) -> str:
        known = Directory.model_validate_json(self.ask("GET", "directory")).apps
        return next(app.id.root for app in known if name in (app.name, app.id.root))

    def conversations(self) -> Iterator[Conversation]:
        """All of them, the newest first, part by part."""
        after = {}
        while True:
            part = ConversationList.model_validate_json(self.ask("GET", "conversations", params=after))
            yield from part.data
            if part.next is None:
                return
            after = {"after": part.next}

    def act(self, one: Conversation, act: InboxAct) -> Decision:
        path = f"pages/{one.page.root}/threads/{one.person.id.root}/inbox"
        body = act.model_dump_json(exclude_unset=True)
        done = self.ask("POST", path, content=body, headers={"Content-Type": "application/json"})
        return Decision.model_validate_json(done)


def waits_since(one: Conversation) -> datetime.datetime | None:
    """Since when the person has waited; none: somebody else spoke last."""
    said = one.last_line
    return said.at.root if said is not None and said.from_ is Speaker.person else None


def hand_over(baton: Baton, one: Conversation, desk: str) -> None:
    """The Inbox takes control, if it is still where it was seen, and passes it on."""
    owner = one.owner_app_id.root if one.owner_app_id else None
    took = baton.act(one, InboxAct(MoveToMain(action="move_to_main", if_owner=owner)))
    now = took.thread.owner_app_id
    note = "has waited too long"
    baton.act(one, InboxAct(Pass(action="pass", app_id=desk, metadata=note, if_owner=now.root if now else None)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", default=os.environ.get("BATON_SERVER", "http://127.0.0.1:4300"))
    parser.add_argument("--to", required=True, help="the app that gets them: its id, or its name")
    parser.add_argument("--minutes", type=float, default=10)
    given = parser.parse_args()
    baton = Baton(given.server, os.environ["BATON_OPERATOR_TOKEN"])
    desk = baton.app(given.to)
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=given.minutes)
    # Read to the end first: each that is handed over moves within the list.
    waiting = [one for one in baton.conversations() if (since := waits_since(one)) is not None and since < before]
    for one in waiting:
        name = one.person.name or one.person.id.root
        if one.owner_app_id is not None and one.owner_app_id.root == desk:
            continue
        try:
            hand_over(baton, one, desk)
            print(f"{name}: handed over")
        except Refused as why:
            print(f"{name}: {why}")


if __name__ == "__main__":
    main()
