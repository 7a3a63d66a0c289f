"""How fast the disk is just now: 4 KiB written over a file that is long enough, and synced, again and again."""

import os
import threading
import time

BLOCK = os.urandom(4096)
BLOCKS = 256


def probe(folder, seconds):
    """What a sync takes, in microseconds: `p50_us`, `p99_us`, `max_us`; and how many there are in a second."""
    path = folder / "probe"
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        os.pwrite(file, BLOCK * BLOCKS, 0)
        os.fsync(file)
        took = []
        end = time.perf_counter() + seconds
        while (began := time.perf_counter()) < end:
            os.pwrite(file, BLOCK, len(took) % BLOCKS * len(BLOCK))
            os.fdatasync(file)
            took.append((time.perf_counter() - began) * 1e6)
        took.sort()
        at = lambda share: round(took[min(int(len(took) * share), len(took) - 1)])
        return {"syncs_s": round(len(took) / seconds), "p50_us": at(0.5), "p99_us": at(0.99), "max_us": at(1.0)}
    finally:
        os.close(file)
        path.unlink()


class Beside:
    """Syncs ten times a second while something else is measured: too seldom to be felt, often enough to say whether the disk
    stood still."""

    EVERY_SECONDS = 0.1

    def __init__(self, folder):
        self.path = folder / "probe-beside"
        self.longest, self.lock, self.over = 0.0, threading.Lock(), threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.over.set()
        self.thread.join()
        self.path.unlink()

    def run(self):
        file = os.open(self.path, os.O_RDWR | os.O_CREAT)
        try:
            os.pwrite(file, BLOCK, 0)
            os.fsync(file)
            while not self.over.wait(self.EVERY_SECONDS):
                began = time.perf_counter()
                os.pwrite(file, BLOCK, 0)
                os.fdatasync(file)
                took = (time.perf_counter() - began) * 1e6
                with self.lock:
                    self.longest = max(self.longest, took)
        finally:
            os.close(file)

    def longest_us(self):
        """Since it was asked last."""
        with self.lock:
            longest, self.longest = self.longest, 0.0
        return round(longest)
