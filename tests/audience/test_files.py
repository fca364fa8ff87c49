"""Files are written whole or not at all, and in the order given."""

import pytest

from audience.files import replace_files
from mailwright.errors import DataError
from mailwright.model.replacing import replacing


def test_what_fails_half_way_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "kept.txt"
    path.write_text("old")

    def fail_half_way():
        with replacing(path) as part:
            part.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("kept.txt", "old")]


def test_two_who_write_at_once_do_not_meet(tmp_path):
    path = tmp_path / "folder" / "kept.txt"
    with replacing(path) as first, replacing(path) as second:
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"  # it was put into its place last
    assert list(path.parent.iterdir()) == [path]


def test_several_files_take_their_places_in_the_order_given(tmp_path):
    """The last names the others: a reader that finds it must find them."""
    (tmp_path / "c.json").mkdir()  # cannot be replaced by a file
    with pytest.raises(DataError, match="cannot be written"):
        replace_files(tmp_path, {"a": b"1", "b": b"2", "c.json": b"3"})
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a", "b", "c.json"]
