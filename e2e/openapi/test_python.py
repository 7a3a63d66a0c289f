"""The example in `examples/python` against the real program: its types are made from what the program says of itself,
as its first lines tell, and then it is run."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import urllib.request

from run import HERE, PROGRAM, Baton

EXAMPLE = HERE.parent.parent / "examples/python/hand_over_waiting.py"


class HandsOver(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="baton-python-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.baton = self.enterContext(Baton(self.folder))

    def call(self, method, path, body=None):
        headers = {"Authorization": f"Bearer {self.baton.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.baton.url}/baton/v1/{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def owner(self, person):
        return self.call("GET", f"pages/2001/conversations/{person}")["owner_app_id"]

    def run_example(self, *arguments):
        path = os.pathsep.join([str(self.folder), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "BATON_OPERATOR_TOKEN": self.baton.token, "PYTHONPATH": path}
        command = [sys.executable, EXAMPLE, "--server", self.baton.url, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    def make_types(self):
        """By the command that the example tells."""
        told = EXAMPLE.read_text(encoding="utf-8").split("datamodel-codegen", 1)[1].split("\n    BATON_", 1)[0]
        arguments = told.replace("\\\n", " ").split()
        printed = subprocess.run([PROGRAM, "openapi"], capture_output=True, check=True, timeout=60).stdout
        (self.folder / "openapi.json").write_bytes(printed)
        generator = pathlib.Path(sys.executable).parent / "datamodel-codegen"
        subprocess.run([generator, *arguments, "--disable-warnings"], cwd=self.folder, check=True, timeout=300)

    def test_who_waits_is_handed_over_once_and_nobody_else(self):
        self.make_types()
        desk = "222"
        before = self.owner("ada")
        self.assertNotEqual(before, desk)
        early = self.run_example("--to", "Desk", "--minutes", "60")
        self.assertEqual((early.returncode, early.stdout), (0, ""), early.stderr)
        self.assertEqual(self.owner("ada"), before)
        late = self.run_example("--to", desk, "--minutes", "0")
        self.assertEqual(late.returncode, 0, late.stderr)
        self.assertIn("ada: handed over", late.stdout)
        self.assertEqual(self.owner("ada"), desk)
        again = self.run_example("--to", "Desk", "--minutes", "0")
        self.assertNotRegex(again.stdout, re.compile("ada: handed over"))
        self.assertEqual(again.returncode, 0, again.stderr)


if __name__ == "__main__":
    unittest.main()
