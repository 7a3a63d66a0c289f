"""A disk that fails at a write or at a sync: nothing is acknowledged that it may have lost, and nothing more is taken until
the next start, which reads what is really there; all the while what is there can be read.

    python3 e2e/power_loss/failing_disk.py
    python3 e2e/power_loss/failing_disk.py --lying-disk --expect-loss

The second proves that the first can fail: a disk that loses and does not say so must be caught.
"""

import argparse
import os
import pathlib
import random
import shutil
import sys
import tempfile

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))

from apps import APPS, Witness, routing
from disk import Disk, compile_library
from full_disk import PEOPLE, answered, ask, conclude, expect, says
from ledger import Ledger
from run import Broken, Server, program_of

ROUNDS = 3


def refused(server, ledger, person, number):
    """Says something that is not acknowledged. It may be there after the next start all the same."""
    with ledger.lock:
        ledger.started[person] = number
    status, body = says(server, person, number)
    expect(f"{person} says {number} to a disk that failed: {body}", (status, body.get("type")), (503, "/problems/unavailable"))


def takes_nothing(server, ledger, number, read):
    for person, page in PEOPLE.items():
        refused(server, ledger, person, number)
        thread = f"/baton/v1/pages/{page}/threads/{person}/messages"
        status, body = ask(server, "GET", thread)
        expect(f"what is read of {person} meanwhile", (status, len(body["data"])), (200, read))
    expect("whether it is ready", ask(server, "GET", "/readyz", whole=False), 503)


def fail_once(server, ledger, disk, dice, what, number, lies):
    """The disk fails, and is mended; the program is not, until it is started again."""
    if lies:
        disk.lie()
    else:
        disk.fail(what)
    takes_nothing(server, ledger, number, number - 1)
    disk.mend()
    takes_nothing(server, ledger, number, number - 1)
    if "the disk failed" not in server.end_of_log():
        raise Broken("the log does not say that the disk failed")
    server.lose_power(dice)
    server.start()
    server.wait_until_ready()
    for person in PEOPLE:
        status, body = says(server, person, number - 1)
        expect(f"{person} says {number - 1} again", (status, body.get("message_id")), (200, ledger.answered[person, number - 1]))
        answered(server, ledger, person, number)
    ledger.wait_until_delivered(10)


def play(program, folder, seed, lies):
    """Returns how many messages were taken, and the faults."""
    dice = random.Random(seed)
    ledger = Ledger(PEOPLE)
    receivers = [Witness(app, ledger) for app in APPS]
    (folder / "routing.toml").write_text(routing(receivers))
    disk = Disk(folder, compile_library(folder))
    server = Server(program, folder, disk)
    try:
        server.start()
        server.wait_until_ready()
        number = 1
        for person in PEOPLE:
            answered(server, ledger, person, number)
        ledger.wait_until_delivered(10)
        for what in ("sync", "write") * ROUNDS:
            number += 1
            fail_once(server, ledger, disk, dice, what, number, lies)
        faults = ledger.verdict().faults
    except Broken as error:
        faults = [f"{error}\n{server.end_of_log()}"]
    finally:
        server.stop()
        for receiver in receivers:
            receiver.shutdown()
    return len(ledger.answered), faults


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--baton", default=os.environ.get("BATON_BIN"), help="the program; $BATON_BIN, else target/…")
    parser.add_argument("--seed", type=int, default=1, help="draws what is lost")
    parser.add_argument("--lying-disk", action="store_true", help="what it loses it says to have")
    parser.add_argument("--expect-loss", action="store_true", help="succeed only if something is wrong")
    arguments = parser.parse_args()
    program = program_of(arguments.baton)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="baton-failing-disk-"))
    taken, faults = play(program, folder, arguments.seed, arguments.lying_disk)
    if arguments.expect_loss:
        shutil.rmtree(folder, ignore_errors=True)
        sys.exit(None if faults else "a disk that lies was not found out: this test cannot see it")
    conclude(folder, f"{taken} messages taken over {2 * ROUNDS} failures of the disk", faults)


if __name__ == "__main__":
    main()
