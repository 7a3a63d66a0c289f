"""How fast the disk is just now: 4 KiB written over a file that is long enough, and synced, again and again."""

import os
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
