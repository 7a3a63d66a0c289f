#!/usr/bin/env python3
"""Proves that each row of the rules is held by a row of the tables: damages the rows of src/modes/*.rs one by
one, in a copy of the crate, and runs tests/tables.rs against it. A damaged row must not compile, or a table
must fail; a row that may be damaged unnoticed is a survivor, and this fails.

    delete_rows.py              every row is deleted once, and 20 other damages, chosen by a seed (--seed, --sample)
    delete_rows.py --few 60     60 damages of any kind, chosen by a seed: half a minute
    delete_rows.py --all        every damage to every row: half an hour
    delete_rows.py --all --file zero_config.rs
    delete_rows.py --only HOP-PASS-3
"""

import argparse
import concurrent.futures
import queue
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CRATE = Path(__file__).resolve().parent.parent
ROW = re.compile(r'\b(ok|no|refer)\("([A-Z0-9-]+)"')
CHAINED = "owner expiry nobody pass pass_saying take take_silently request tell then_pass payload survey unless then_unless"
STATES = ["Idle", "C", "O", "P", "D"]
FLAGS = ["--edition", "2024", "-A", "warnings", "-C", "debuginfo=0", "-C", "opt-level=0"]

# Rows whose owner may be the one who was there before. For every other row that names an owner, U+W, U+24h and
# N+24h are the same: a new owner's W is a day (CLK-9), and its time replaces the old one (CLK-4).
OWNER_MAY_STAY = {"MCR-GS-1"}


def closing(text, at):
    """The index after the parenthesis that closes the one at `at`."""
    depth = 0
    for index in range(at, len(text)):
        depth += {"(": 1, ")": -1}.get(text[index], 0)
        if depth == 0:
            return index + 1
    raise ValueError(text)


def damages(line):
    """Every way in which a row is damaged, as (rule, what, damaged line)."""
    for row in ROW.finditer(line):
        kind, rule = row.groups()
        start, end = row.start(), closing(line, row.end() - len(row.group()) + len(kind))
        inner = line[start:end]
        if kind == "no":
            yield rule, "allowed", f'{line[:start]}ok("{rule}"){line[end:]}'
            other = "UnknownPerson"
            yield rule, "refused otherwise", f'{line[:start]}no("{rule}", {other}){line[end:]}'
        if kind == "ok":
            yield rule, "refused", f'{line[:start]}no("{rule}", UnknownPerson){line[end:]}'
        if kind == "refer":
            said = inner[inner.index(",") + 1 : -1].strip()
            yield rule, "not referred", line[:start] + said + line[end:]
    rule = ROW.search(line).group(2)
    yield rule, "deleted", ""
    for name in CHAINED.split():
        for call in re.finditer(rf"\.{name}\(", line):
            yield rule, f"without {name}", line[: call.start()] + line[closing(line, call.end() - 1) :]
    for one, other in [("U_24H", "U_W"), ("U_W", "U_24H"), ("N_24H", "U_W")]:
        if f"expiry({one})" in line and (".owner(" not in line or rule in OWNER_MAY_STAY):
            yield rule, f"{other} for {one}", line.replace(f"expiry({one})", f"expiry({other})")
    guard = re.search(r"\bif (.+?)\s*=>", line)
    if guard:
        yield rule, "without guard", line[: guard.start()] + line[guard.end() - 2 :]
        yield rule, "guard turned round", line[: guard.start(1)] + f"!({guard[1]})" + line[guard.end(1) :]
    pattern = line.partition("=>")[0]
    for states in re.finditer(r"\b(?:%s)(?: \| (?:%s))+\b" % ("|".join(STATES), "|".join(STATES)), pattern):
        for state in states.group().split(" | "):
            left = " | ".join(other for other in states.group().split(" | ") if other != state)
            yield rule, f"not in {state}", line[: states.start()] + left + line[states.end() :]


class Copy:
    """A copy of the crate, in which damage is done."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        shutil.copytree(CRATE / "src", self.folder / "src")
        shutil.copytree(CRATE / "tests", self.folder / "tests", ignore=shutil.ignore_patterns("snapshots"))
        if self.verdict() is not None:
            sys.exit("the tables do not hold for the undamaged rules")

    def run(self, *command):
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True)

    def verdict(self):
        """How the present state is noticed; None if it is not."""
        library = ["rustc", "--crate-type", "lib", "--crate-name", "baton_rules", "src/lib.rs"]
        if self.run(*library, "-o", "libbaton_rules.rlib", *FLAGS).returncode:
            return "does not compile"
        tests = ["rustc", "--test", "tests/tables.rs", "--extern", "baton_rules=libbaton_rules.rlib"]
        built = self.run(*tests, "-o", "tables", *FLAGS)
        if built.returncode:
            sys.exit(f"the tables do not build:\n{built.stderr}")
        return "fails" if self.run("./tables", "--quiet").returncode else None

    def damaged(self, name, number, line):
        """How this damage is noticed."""
        path = self.folder / "src" / "modes" / name
        whole = path.read_text()
        lines = whole.splitlines()
        lines[number] = line
        path.write_text("\n".join(lines) + "\n")
        try:
            return self.verdict()
        finally:
            path.write_text(whole)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="every damage")
    parser.add_argument("--few", type=int, metavar="COUNT", help="so many damages of any kind, chosen by the seed")
    parser.add_argument("--only", metavar="RULE", help="every damage to the rows of one rule")
    parser.add_argument("--file", metavar="NAME", help="the rows of one file of src/modes")
    parser.add_argument("--sample", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()

    todo, rows = [], 0
    for file in sorted((CRATE / "src" / "modes").glob(args.file or "*.rs")):
        for number, line in enumerate(file.read_text().splitlines()):
            if ROW.search(line) and not line.lstrip().startswith("//"):
                rows += 1
                todo += [(file.name, number, *damage) for damage in damages(line)]
    total = len(todo)
    if args.only:
        todo = [damage for damage in todo if damage[2] == args.only]
    elif args.few:
        todo = random.Random(args.seed).sample(todo, min(args.few, len(todo)))
    elif not args.all:
        deleted = [damage for damage in todo if damage[3] == "deleted"]
        others = [damage for damage in todo if damage[3] != "deleted"]
        todo = deleted + random.Random(args.seed).sample(others, min(args.sample, len(others)))

    survivors, noticed = [], {"does not compile": 0, "fails": 0}
    with tempfile.TemporaryDirectory(prefix="rows-") as folder:
        copies = queue.SimpleQueue()
        for job in range(args.jobs):
            copies.put(Copy(Path(folder) / str(job)))

        def tried(damage):
            copy = copies.get()
            try:
                name, number, _, _, damaged = damage
                return damage, copy.damaged(name, number, damaged)
            finally:
                copies.put(copy)

        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            for (name, number, rule, what, damaged), verdict in pool.map(tried, todo):
                if verdict is None:
                    survivors.append(f"{name}:{number + 1}: {rule} {what}\n    {damaged.strip() or '(no line)'}")
                    print(survivors[-1], file=sys.stderr, flush=True)
                else:
                    noticed[verdict] += 1
    counts = ", ".join(f"{count} {verdict}" for verdict, count in noticed.items())
    print(f"{rows} rows, {len(todo)} of {total} damages tried: {counts}, {len(survivors)} unnoticed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
