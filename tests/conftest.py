"""What tests of several rooms share: a real PostgreSQL, and in CI the same random examples every time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count

import pytest
import sqlalchemy
from hypothesis import settings

from tests.postgres import postgres_server

IN_CI = bool(os.environ.get("CI"))
"""Nothing is skipped there, and a change is judged by its own faults, not by the luck of the draw."""

settings.register_profile("ci", derandomize=True)
if IN_CI:
    settings.load_profile("ci")

_names = count(1)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The SQLAlchemy URL of a PostgreSQL server of this test process, in its database ``postgres``.

    Its tables are shared by all tests of the process; ``fresh_postgres_url`` is an empty database.
    """
    try:
        server = postgres_server()
        with server as url:
            yield url
    except LookupError as missing:
        if IN_CI:
            raise
        pytest.skip(f"NO POSTGRESQL, NOT TESTED: {missing}")


@pytest.fixture
def fresh_postgres_url(postgres_url: str) -> Iterator[str]:
    """The SQLAlchemy URL of a new, empty database that only this test knows."""
    name = f"test_{next(_names)}"
    admin = sqlalchemy.create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sqlalchemy.text(f"CREATE DATABASE {name}"))
    yield postgres_url.replace("/postgres?", f"/{name}?")
    with admin.connect() as connection:
        connection.execute(sqlalchemy.text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()
