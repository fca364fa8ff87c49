"""Pictures of the workspace, published under names made of their content.

A picture that changes gets a new name, so no cache between us and the reader can show an old one, and a
mail that was sent keeps the picture that it was sent with.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from mailwright.errors import DataError
from mailwright.model.replacing import replacing

LOCAL_SCHEME = "asset:"
"""What a link starts with while ``assets_base_url`` is not set; a mail that holds one is never sent."""

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".ico"})


class Assets:
    """The published pictures of one workspace.

    ``link(path)`` publishes the file below the workspace and returns its address:
    ``<assets_base_url>/<stem>.<12 hex digits>.<ending>``, or ``asset:<name>`` without an
    ``assets_base_url``. Raises DataError for a file that is missing, no picture, or outside the workspace.
    """

    def __init__(self, root: Path, folder: Path, base_url: str | None) -> None:
        self.root = root.resolve()
        self.folder = folder
        self.prefix = f"{base_url.rstrip('/')}/" if base_url else LOCAL_SCHEME
        self._links: dict[str, str] = {}

    def link(self, path: str) -> str:
        if path not in self._links:
            self._links[path] = self.prefix + self._publish(path)
        return self._links[path]

    def _publish(self, path: str) -> str:
        source = (self.root / path).resolve()
        if not source.is_relative_to(self.root):
            raise DataError(
                f"the picture {path!r} is outside the workspace", fix="copy it into the workspace"
            )
        if source.suffix.lower() not in PICTURES:
            raise DataError(f"{path!r} is no picture", fix="use one of: " + ", ".join(sorted(PICTURES)))
        try:
            digest = hashlib.sha256(source.read_bytes()).hexdigest()[:12]
        except OSError as error:
            raise DataError(
                f"there is no picture {path!r} in the workspace", fix="add the file, or correct its name"
            ) from error
        name = f"{source.stem}.{digest}{source.suffix.lower()}"
        target = self.folder / name
        if not target.exists():
            with replacing(target) as part:  # two may publish the same picture at the same moment
                shutil.copyfile(source, part)
        return name


def link_pictures(items: pa.Table, assets: Assets) -> tuple[pa.Table, list[str]]:
    """The items with each local picture replaced by its link, and the pictures that could not be used.

    An item whose picture is missing keeps its place in the catalogue, without a picture.
    """
    if "image" not in items.column_names:
        return items, []
    problems: list[str] = []
    links: dict[str, str | None] = {}
    for path in pc.unique(items["image"]).to_pylist():
        if path is None or path.startswith(("https://", LOCAL_SCHEME)):
            links[path] = path
            continue
        try:
            links[path] = assets.link(path)
        except DataError as error:
            links[path] = None
            problems.append(error.what)
    column = pa.array([links[path] for path in items["image"].to_pylist()], pa.string())
    return items.set_column(items.column_names.index("image"), "image", column), problems
