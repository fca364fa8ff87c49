"""t"""

from pathlib import Path


def ingest_online_retail(path: Path, workspace_dir: Path) -> None: ...
