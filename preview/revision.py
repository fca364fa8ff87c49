"""The campaign with its templates and blocks as they were at a git revision of the workspace."""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from mailwright.engine import SHIPPED, Plan, compile_mail
from mailwright.errors import UsageError
from preview.sketch import with_compiled
from render import load_library

FOLDERS = ("blocks", "templates", "strings")
SECONDS = 20
_NAME = re.compile(r"[A-Za-z0-9_][\w./~^@{}-]{0,100}", re.ASCII)


def commit_of(root: Path, revision: str) -> str:
    """The commit that a revision names. Raises UsageError when git knows no such commit here."""
    if not _NAME.fullmatch(revision):
        raise UsageError(f"{revision!r} is no git revision", fix="name a branch, a tag or a commit: HEAD~1")
    found = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found is None:
        raise UsageError(f"git knows no {revision!r} in {root.name}", fix="name a branch, a tag or a commit")
    return found.decode().strip()


def plan_at(plan: Plan, commit: str) -> Plan:
    """The plan with its library as of ``commit``; its choices have to be made again for each row."""
    root = plan.request.workspace.root.resolve()
    with TemporaryDirectory() as folder:
        there = [name for name in FOLDERS if _git(root, "cat-file", "-e", f"{commit}:./{name}") is not None]
        if there:
            packed = _git(root, "archive", "--format=tar", commit, "--", *there)
            if packed is None:
                raise UsageError(f"git cannot give the files of {commit[:12]}")
            with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
                archive.extractall(folder, filter="data")
        compiled = compile_mail(plan.request, plan.source.assets, load_library(SHIPPED, Path(folder)))
    return with_compiled(plan, compiled)


def _git(root: Path, *arguments: str) -> bytes | None:
    """What git says, or None when it fails or is not installed. Hooks and configuration run nothing here."""
    command = ["git", "-C", str(root), "-c", "core.fsmonitor=false", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
