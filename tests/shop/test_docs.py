"""The pages that show values are true."""

import doctest
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.xdist_group("shop")
def test_how_one_row_becomes_one_mail_is_how_it_becomes_one(shop, tmp_path):
    failed, tried = doctest.testfile(
        str(DOCS / "how-one-row-becomes-one-mail.md"),
        module_relative=False,
        globs={"SHOP": shop, "SCRATCH": tmp_path},
        optionflags=doctest.NORMALIZE_WHITESPACE,
    )
    assert tried > 20
    assert failed == 0
