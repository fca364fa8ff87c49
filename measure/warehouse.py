"""All that was sent and what came of it, as Parquet files that a warehouse loads as they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mailwright.errors import DataError
from mailwright.model.replacing import replacing
from measure.facts import Question
from measure.results import measure_results
from measure.schema import Frame


def write_warehouse(question: Question, folder: Path) -> Mapping[Path, int]:
    """Write ``messages``, ``outcomes``, ``facts`` and ``performance``; the rows of each file.

    ``facts`` has one row a message with what it came to, ``performance`` the figures of every dimension. Ids
    of profiles stand in the first three: erase them with the profiles. Each file is whole or not there.
    Raises DataError where nothing can be written.
    """
    facts = folder / "facts.parquet"
    results = measure_results(question, facts_to=facts)
    marks = {
        "mailwright.now": question.now.isoformat(),
        "mailwright.simulated": str(results.simulated).lower(),
    }
    written = {facts: pq.read_metadata(facts).num_rows}
    tables = {"messages": question.messages, "outcomes": question.outcomes, "performance": results.breakdown}
    for name, frame in tables.items():
        if frame is None:
            continue
        table = _table(frame)
        path = folder / f"{name}.parquet"
        try:
            with replacing(path) as part:
                pq.write_table(table.replace_schema_metadata(marks), part, compression="zstd")
        except OSError as error:
            raise DataError(f"cannot write {path}: {error.strerror}") from error
        written[path] = table.num_rows
    return written


def _table(frame: Frame) -> pa.Table:
    return frame if isinstance(frame, pa.Table) else frame.to_table()
