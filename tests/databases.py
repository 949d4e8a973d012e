"""Databases of their own for tests: SQLite always, PostgreSQL where a server answers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import pytest
import sqlalchemy

KINDS = ("sqlite", "postgresql")
SERVER = os.environ.get("FIELDKITS_TEST_POSTGRESQL", "postgresql+psycopg://postgres@127.0.0.1:5432/test")


@contextmanager
def own_database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database that is gone afterwards.

    Without a server the test is skipped, or fails where services are required.
    """
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'monitor.db'}"
        return
    schema = f"fieldkits_{uuid4().hex[:12]}"
    engine = sqlalchemy.create_engine(SERVER, connect_args={"connect_timeout": 3})
    try:
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text(f"CREATE SCHEMA {schema}"))
    except sqlalchemy.exc.OperationalError as error:
        if os.environ.get("FIELDKITS_REQUIRE_SERVICES") == "1":
            raise
        pytest.skip(f"no PostgreSQL server answers: {str(error.orig).splitlines()[0]}")
    try:
        yield f"{SERVER}?options={quote(f'-csearch_path={schema}')}"
    finally:
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text(f"DROP SCHEMA {schema} CASCADE"))
        engine.dispose()
