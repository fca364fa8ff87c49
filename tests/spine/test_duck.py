"""One DuckDB for the process, whoever asks."""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from mailwright.model import duck


def test_threads_that_ask_at_once_share_one_database(monkeypatch):
    shared, opened = duck._database(), []

    @cache
    def slowly():
        opened.append(shared)
        time.sleep(0.05)
        return shared

    def ask(number):
        with duck.locked_database() as database:
            return database.execute("SELECT $1", [number]).fetchone()

    monkeypatch.setattr(duck, "_database", slowly)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(4))) == [(0,), (1,), (2,), (3,)]
    assert len(opened) == 1
