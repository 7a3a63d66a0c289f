"""A full disk: what cannot be made durable is refused with the platform's transient error, nothing of it is ever half
done, reads go on, and once there is room everything goes on without a restart.

    python3 e2e/power_loss/full_disk.py
"""

import argparse
import http.client
import json
import os
import pathlib
import shutil
import sys
import tempfile

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))

from apps import APPS, PAGES, Witness, routing
from disk import Disk, compile_library
from ledger import Ledger, text_of
from run import OPERATOR_TOKEN, Broken, Server, program_of

PEOPLE = {f"person-{index}": list(PAGES)[index % len(PAGES)] for index in range(10)}
ROUNDS = 3
# Said while the disk was full, and never again: whoever hears it heard what was refused.
REFUSED_FOR_GOOD = 100_000


def ask(server, method, path, body=None, token=OPERATOR_TOKEN, whole=True):
    """The status of an answer, and with `whole` its body."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request(method, path, json.dumps(body) if body else None, headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return (answer.status, json.loads(text)) if whole else answer.status


def says(server, person, number):
    event = {"type": "message", "message": {"text": text_of(person, number)}, "event_id": f"{person}-{number}"}
    return ask(server, "POST", f"/baton/v1/pages/{PEOPLE[person]}/people/{person}/events", event)


def expect(what, found, wanted):
    if found != wanted:
        raise Broken(f"{what}: {found}, not {wanted}")


def answered(server, ledger, person, number):
    """Says something that must be taken."""
    with ledger.lock:
        ledger.started[person] = number
    status, body = says(server, person, number)
    expect(f"{person} says {number}: {body}", status, 200)
    ledger.acknowledge(person, number, body["message_id"])


def refused(server, person, number):
    """Says something, and answers for the owner, while nothing can be written."""
    status, body = says(server, person, number)
    expect(f"{person} says {number} to a full disk: {body}", (status, body.get("type")), (503, "/problems/unavailable"))
    page = PEOPLE[person]
    token = f"EAA-{page}-{PAGES[page]['owner'].id}"
    sent = {"recipient": {"id": person}, "message": {"text": "an answer"}}
    status, body = ask(server, "POST", "/me/messages", sent, token)
    error = body.get("error", {})
    expect(f"an answer to {person}: {body}", (status, error.get("code"), error.get("is_transient")), (500, 2, True))


def play(program, folder):
    """Returns how many messages were taken and refused, and the faults."""
    ledger = Ledger(PEOPLE)
    receivers = [Witness(app, ledger) for app in APPS]
    (folder / "routing.toml").write_text(routing(receivers))
    disk = Disk(folder, compile_library(folder))
    server = Server(program, folder, disk)
    count = 0
    try:
        server.start()
        server.wait_until_ready()
        number = 1
        for person in PEOPLE:
            answered(server, ledger, person, number)
        ledger.wait_until_delivered(10)
        for _ in range(ROUNDS):
            disk.fill()
            number += 1
            for person in PEOPLE:
                refused(server, person, number)
                refused(server, person, REFUSED_FOR_GOOD)
                count += 2
                thread = f"/baton/v1/pages/{PEOPLE[person]}/threads/{person}/messages"
                status, body = ask(server, "GET", thread)
                expect(f"what is read of {person} meanwhile", (status, len(body["data"])), (200, number - 1))
            disk.make_room()
            # The same events again: not one of them was half taken, and nothing was started anew.
            for person in PEOPLE:
                answered(server, ledger, person, number)
            ledger.wait_until_delivered(10)
        # What was taken is on the disk.
        server.lose_power()
        server.start()
        server.wait_until_ready()
        for person in PEOPLE:
            answered(server, ledger, person, number + 1)
        ledger.wait_until_delivered(10)
        faults = ledger.verdict().faults
    except Broken as error:
        faults = [f"{error}\n{server.end_of_log()}"]
    finally:
        server.stop()
        for receiver in receivers:
            receiver.shutdown()
    return len(ledger.answered), count, faults


def conclude(folder, story, faults):
    """Tells how it went, and keeps the folder where something was wrong."""
    for fault in faults[:10]:
        print(f"  {fault}")
    print(f"{story}, {len(faults)} faults")
    if faults:
        sys.exit(f"what is left lies in {folder}")
    shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--baton", default=os.environ.get("BATON_BIN"), help="the program; $BATON_BIN, else target/…")
    program = program_of(parser.parse_args().baton)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="baton-full-disk-"))
    taken, count, faults = play(program, folder)
    conclude(folder, f"{taken} messages taken, {count} refused while the disk was full", faults)


if __name__ == "__main__":
    main()
