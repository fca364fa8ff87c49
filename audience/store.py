"""The last good data: an audience on disk, so that a refused feed leaves something to go on with."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet

from audience.files import replace_files
from audience.report import AudienceReport
from audience.rfm import RfmCuts
from audience.snapshot import fingerprint_tables
from mailwright.errors import DataError

_TABLES = ("profiles", "items", "interactions")


@dataclass(frozen=True)
class Audience:
    """Everything known of people and things at one instant; tables as docs/architecture.md has them."""

    profiles: pa.Table
    items: pa.Table
    interactions: pa.Table
    report: AudienceReport
    mark: Callable[[], str] = field(repr=False, compare=False)
    """Works the fingerprint out: two seconds for five million interactions, so when it is asked for."""
    cuts: RfmCuts
    """For ``add_features`` on one profile of this audience."""
    shown: pa.Table | None = None
    """Items that the last mails showed (``mailwright.shown``); None where that is no matter."""

    @cached_property
    def fingerprint(self) -> str:
        """Of the tables as they were read (``fingerprint_tables``)."""
        return self.mark()

    def save(self, folder: Path, *, now: datetime) -> None:
        """Keep the audience as the last good one; it takes the place of an earlier one in one step.

        Three Parquet files and ``audience.json``, which is written last and names the others by fingerprint.
        """
        files: dict[str, bytes] = {}
        for name in _TABLES:
            sink = io.BytesIO()
            pa.parquet.write_table(
                getattr(self, name), sink, compression="zstd", use_compliant_nested_type=False
            )
            files[f"{name}-{self.fingerprint}.parquet"] = sink.getvalue()
        about = {"fingerprint": self.fingerprint, "read_at": now.isoformat(), "cuts": asdict(self.cuts)}
        replace_files(folder, {**files, "audience.json": orjson.dumps(about)})
        for old in set(folder.glob("*-*.parquet")) - {folder / name for name in files}:
            old.unlink()

    @classmethod
    def load(cls, folder: Path) -> Audience:
        """The last good audience; its report says of when. Raises ``DataError`` when there is none."""
        try:
            about = orjson.loads((folder / "audience.json").read_bytes())
            paths = [folder / f"{name}-{about['fingerprint']}.parquet" for name in _TABLES]
            tables = [pa.parquet.read_table(path) for path in paths]
            cuts = RfmCuts(**{name: tuple(values) for name, values in about["cuts"].items()})
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
            raise DataError(f"{folder} holds no audience", fix="read the sources first") from error
        if fingerprint_tables(*tables) != about["fingerprint"]:
            raise DataError(
                f"the audience in {folder} is damaged", fix="delete the folder and read the sources"
            )
        report = AudienceReport(notes=[f"the last good data, read at {about['read_at']}"])
        profiles, items, interactions = tables
        return cls(profiles, items, interactions, report, lambda: str(about["fingerprint"]), cuts)
