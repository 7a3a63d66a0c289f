"""A directory whose unsynced writes can be lost: the harness's side of lose_unsynced.c."""

import os
import pathlib
import struct
import subprocess

SOURCE = pathlib.Path(__file__).with_name("lose_unsynced.c")
RECORD = struct.Struct("=QQQQ")
MAGIC = 0x31304F444E55
# What a disk writes whole or not at all.
SECTOR = 512


def compile_library(folder):
    """Compiles the library into a folder and returns its path."""
    library = pathlib.Path(folder) / "lose_unsynced.so"
    flags = ["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread"]
    subprocess.run([os.environ.get("CC", "cc"), *flags, "-o", library, SOURCE], check=True)
    return library


class Disk:
    """The watched directory `data` in a folder, and its undo logs beside it."""

    def __init__(self, folder, library, sync_us=0):
        self.data = pathlib.Path(folder) / "data"
        self.logs = pathlib.Path(folder) / "undo"
        self.data.mkdir()
        self.logs.mkdir()
        self.library = library
        self.sync_us = sync_us
        self.lies = pathlib.Path(folder) / "lies"
        self.full = pathlib.Path(folder) / "full"
        self.failing = {what: pathlib.Path(folder) / f"fail-{what}" for what in ("write", "sync")}

    def environment(self):
        """What a program needs in its environment to write to this disk."""
        return {
            **os.environ,
            "LD_PRELOAD": str(self.library),
            "LOSE_UNSYNCED_DIR": str(self.data),
            "LOSE_UNSYNCED_LOG": str(self.logs),
            "LOSE_UNSYNCED_SYNC_US": str(self.sync_us),
            "LOSE_UNSYNCED_LIES": str(self.lies),
            "LOSE_UNSYNCED_FULL": str(self.full),
            "LOSE_UNSYNCED_FAIL_WRITE": str(self.failing["write"]),
            "LOSE_UNSYNCED_FAIL_SYNC": str(self.failing["sync"]),
        }

    def lie(self):
        """From now on a sync says that it was done, and does nothing."""
        self.lies.touch()

    def fill(self):
        """From now on no file may grow."""
        self.full.touch()

    def make_room(self):
        """From now on files may grow again."""
        self.full.unlink()

    def fail(self, what):
        """From now on each "write" or each "sync" fails."""
        self.failing[what].touch()

    def mend(self):
        """From now on nothing fails any more. What a failed sync lost stays lost."""
        for failing in self.failing.values():
            failing.unlink(missing_ok=True)

    def lose_unsynced(self, dice=None):
        """Undoes every write since the last sync of its file: all of them or, by the dice, some, and parts of some, as a
        disk does that writes in an order of its own. Returns how many writes there were. To be called when the program
        is dead."""
        logs = {log.name: log for log in self.logs.iterdir()}
        undone = 0
        for folder, _, names in os.walk(self.data):
            for name in names:
                path = os.path.join(folder, name)
                status = os.lstat(path)
                log = logs.get(f"{status.st_dev}-{status.st_ino}.undo")
                if log is None:
                    continue
                kept = list(records(log.read_bytes()))
                with open(path, "r+b", buffering=0) as file:
                    done = [undo(file.fileno(), *record) for record in reversed(kept)]
                    for write in reversed(done) if dice else ():
                        redo(file.fileno(), write, dice)
                undone += len(kept)
        for log in logs.values():
            log.unlink()
        return undone


def undo(file, old_size, offset, old_bytes):
    """Undoes the last change of a file. Returns what it was: where, which bytes, and how long the file was then."""
    size = os.fstat(file).st_size
    end = max(offset + len(old_bytes), size if size > old_size else 0)
    written = os.pread(file, max(end - offset, 0), offset) if size >= old_size else b""
    os.pwrite(file, old_bytes, offset)
    os.ftruncate(file, old_size)
    return offset, written, size


def redo(file, write, dice):
    """Does a change again: not at all, whole, or some sectors of it."""
    offset, written, size = write
    fate = dice.choice(("lost", "kept", "torn"))
    if not written and fate == "kept":
        os.ftruncate(file, size)
    at = offset
    while written and at < offset + len(written):
        end = min((at // SECTOR + 1) * SECTOR, offset + len(written))
        if fate == "kept" or fate == "torn" and dice.random() < 0.5:
            os.pwrite(file, written[at - offset : end - offset], at)
        at = end


def records(log):
    """The complete records of an undo log, oldest first, as (old_size, offset, old_bytes)."""
    at = 0
    while at + RECORD.size <= len(log):
        magic, old_size, offset, length = RECORD.unpack_from(log, at)
        if magic != MAGIC:
            raise ValueError(f"no record at byte {at} of an undo log")
        at += RECORD.size
        if at + length > len(log):
            return  # the kill came while it was written: its write never began
        yield old_size, offset, log[at : at + length]
        at += length
