"""Runs a command while a PostgreSQL serves that is made for it and gone afterwards: the stories of clients are told on it.

    python3 e2e/on_postgres.py npm --prefix e2e/clients/fbgraph test
"""

import os
import pathlib
import subprocess
import sys
import tempfile

from postgres import Server
from programs import free_port


def main():
    with tempfile.TemporaryDirectory(prefix="baton-postgres-") as folder:
        server = Server(pathlib.Path(folder) / "postgres", free_port())
        server.make()
        server.start()
        try:
            path = f"{server.programs}{os.pathsep}{os.environ['PATH']}"
            environment = {**os.environ, "PATH": path, "E2E_POSTGRES": f"127.0.0.1:{server.port}"}
            return subprocess.run(sys.argv[1:], env=environment).returncode
        finally:
            server.crash()


if __name__ == "__main__":
    sys.exit(main())
