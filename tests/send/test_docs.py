"""What the documentation says of adapters is what they declare."""

from __future__ import annotations

from pathlib import Path

from send.matrix import with_matrix

PAGE = Path(__file__).parents[2] / "docs" / "sending.md"


def test_the_matrix_is_what_the_adapters_declare() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert with_matrix(text) == text, "run python -m send.matrix"
