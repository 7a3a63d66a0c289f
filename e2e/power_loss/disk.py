"""A directory whose unsynced writes can be lost: the harness's side of lose_unsynced.c."""

import os
import pathlib
import struct
import subprocess

SOURCE = pathlib.Path(__file__).with_name("lose_unsynced.c")
RECORD = struct.Struct("=QQQQ")
MAGIC = 0x31304F444E55


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

    def lose_unsynced(self):
        """Undoes every write since the last sync of its file. Returns how many those were. To be called when the
        program is dead."""
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
                    for old_size, offset, old_bytes in reversed(kept):
                        os.pwrite(file.fileno(), old_bytes, offset)
                        os.ftruncate(file.fileno(), old_size)
                undone += len(kept)
        for log in logs.values():
            log.unlink()
        return undone


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
