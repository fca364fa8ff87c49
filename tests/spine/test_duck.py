"""One DuckDB for the process, whoever asks."""

import time
from concurrent.futures import ThreadPoolExecutor

import duckdb
import pytest

from mailwright.model import duck


@pytest.fixture
def opened(monkeypatch):
    """The databases that were opened since the test began, when none was open."""
    made, connect = [], duckdb.connect

    def slowly(*given, **options):
        made.append(connect(*given, **options))
        time.sleep(0.05)
        return made[-1]

    monkeypatch.setattr(duck, "_open", [])
    monkeypatch.setattr(duckdb, "connect", slowly)
    yield made
    for database in made:
        database.close()


def ask(number):
    with duck.locked_database() as database:
        return database.execute("SELECT $1", [number]).fetchone()


def test_threads_that_ask_at_once_share_one_database(opened):
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(4))) == [(0,), (1,), (2,), (3,)]
    assert len(opened) == 1


def test_after_a_fatal_error_the_next_one_who_asks_gets_another_database(opened):
    with pytest.raises(duckdb.FatalException), duck.locked_database():
        raise duckdb.FatalException("the database was invalidated")
    assert ask(7) == (7,)
    assert len(opened) == 2


def test_a_failed_query_costs_nobody_else_the_database(opened):
    with pytest.raises(duckdb.ParserException), duck.locked_database() as database:
        database.execute("SELEC")
    assert ask(7) == (7,)
    assert len(opened) == 1
