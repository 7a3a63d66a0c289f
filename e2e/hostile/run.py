"""What strangers may do to it: slow connections and bodies made to hurt, both at once, since the slow ones mostly wait.

    python3 e2e/hostile/run.py
"""

import pathlib
import subprocess
import sys

FOLDER = pathlib.Path(__file__).parent
PARTS = ["test_slow.py", "test_bodies.py"]


def main():
    words = dict(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    running = [(part, subprocess.Popen([sys.executable, FOLDER / part, "-v"], **words)) for part in PARTS]
    failed = 0
    for part, process in running:
        said, _ = process.communicate()
        print(f"{part}:\n{said}", flush=True)
        failed += process.returncode != 0
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
