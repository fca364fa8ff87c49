"""The fingerprint sees values, and only values."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from audience.snapshot import fingerprint_tables

KIND = pa.list_(pa.struct([("a", pa.string()), ("b", pa.int64())]))
BASE = pa.table(
    {
        "s": ["x", None, "zz", ""],
        "n": pa.array([1, None, 3, 4]),
        "f": [0.5, None, -0.0, 2.0],
        "b": [True, None, False, True],
        "l": pa.array([[{"a": "q", "b": 1}], None, [], [{"a": None, "b": None}]], KIND),
    }
)


def replaced(name, position, value):
    values = BASE.column(name).to_pylist()
    values[position] = value
    column = pa.array(values, BASE.schema.field(name).type)
    return BASE.set_column(BASE.column_names.index(name), name, column)


def test_any_value_counts():
    marks = {fingerprint_tables(BASE)}
    changes = [
        ("s", 0, "y"),
        ("s", 1, ""),
        ("s", 3, None),
        ("n", 1, 0),
        ("n", 0, None),
        ("f", 1, 0.0),
        ("b", 1, False),
        ("l", 1, []),
        ("l", 2, None),
        ("l", 0, [{"a": "q", "b": None}]),
        ("l", 0, [None]),
        ("l", 0, [{"a": "q", "b": 1}, {"a": "q", "b": 1}]),
    ]
    for change in changes:
        marks.add(fingerprint_tables(replaced(*change)))
    assert len(marks) == len(changes) + 1
    assert fingerprint_tables(BASE.rename_columns([*"tnfbl"])) not in marks
    assert fingerprint_tables(BASE.take([1, 0, 2, 3])) not in marks
    assert fingerprint_tables(BASE, BASE) not in marks
    assert fingerprint_tables(BASE.set_column(1, "n", BASE.column("n").cast(pa.int32()))) not in marks


def test_how_arrow_holds_them_does_not_count():
    mark = fingerprint_tables(BASE)
    assert fingerprint_tables(pa.concat_tables([BASE.slice(0, 1), BASE.slice(1, 3)])) == mark
    assert fingerprint_tables(pa.concat_tables([BASE, BASE]).slice(4, 4)) == mark
    rubbish = pc.if_else(pa.array([True, False, True, True]), pa.array([1, 99, 3, 4]), None)
    assert fingerprint_tables(BASE.set_column(1, "n", rubbish)) == mark


def test_text_cannot_move_between_rows():
    assert fingerprint_tables(pa.table({"s": ["ab", "c"]})) != fingerprint_tables(
        pa.table({"s": ["a", "bc"]})
    )
