"""What a process that serves for long keeps in memory."""

from __future__ import annotations

import gc
import weakref

import pytest

from mailwright.model.garbage import settle_memory


class Node:
    """Something that holds itself."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def thresholds():
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.mark.usefixtures("thresholds")
def test_what_was_settled_and_is_of_no_use_any_more_goes() -> None:
    node = Node()
    seen = weakref.ref(node)
    settle_memory()
    del node
    gc.collect()
    assert seen() is not None  # settled: nobody looks there
    settle_memory()
    assert seen() is None
