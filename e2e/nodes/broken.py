"""What shows that the run can fail: a database, or a node, that does not do what it should. The run must find out."""

import time

WAYS = {
    # What the replica does not have is confirmed all the same, and gone when it takes the database's place.
    "replica": "lost:",
    # A node sees leases of its own, and so delivers what others deliver.
    "leases": "repeated:",
    # The next version's schema takes something away, while nodes of this version go on.
    "step": "upgrade:",
}
# The node whose leases are its own, and its name in the database.
LONER, NAME = 3, "loner"

SEPARATE_LEASES = [
    f"CREATE ROLE {NAME} LOGIN SUPERUSER",
    "ALTER TABLE baton.leases RENAME TO leases_of_all",
    "ALTER TABLE baton.leases_of_all ADD COLUMN world text NOT NULL DEFAULT 'baton'",
    "ALTER TABLE baton.leases_of_all DROP CONSTRAINT leases_pkey, ADD PRIMARY KEY (world, stream)",
    f"INSERT INTO baton.leases_of_all (world, stream, epoch) SELECT '{NAME}', stream, 0 FROM baton.leases_of_all",
    "CREATE VIEW baton.leases AS SELECT stream, epoch, node, held_until FROM baton.leases_of_all WHERE world = current_user",
]


def user(arguments, number):
    """As whom a node uses the database."""
    return NAME if arguments.broken == "leases" and number == LONER else "baton"


def prepare(arguments, database):
    """When the database is made, and the node that made it is alone."""
    if arguments.broken == "leases":
        database.writer.tell("BEGIN", *SEPARATE_LEASES, "COMMIT")


def happens(arguments, story, upgrade):
    if arguments.broken == "replica":
        story.disturbed()
        story.database.way.cut()
        time.sleep(2)
        story.database.fail_over()
        time.sleep(2)
    if arguments.broken == "step":
        upgrade.takes_away()


def verdict(arguments, faults):
    """What is wrong with the run: that it found nothing."""
    wanted = WAYS[arguments.broken]
    found = sum(fault.startswith(wanted) for fault in faults)
    print(f"broken on purpose ({arguments.broken}): {found} faults of the kind {wanted!r}")
    return [] if found else [f"the run did not find out about: {arguments.broken}"]
