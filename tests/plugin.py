"""Starts the session's own PostgreSQL and Valkey before settings are read; given servers are used instead."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

_home = Path(tempfile.mkdtemp(prefix="hdt", dir="/tmp"))
_home.chmod(0o755)
_servers: list = []

os.environ["PRESTEZA_TEST_HOME"] = str(_home)
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright's loop runs in the test's thread


def _start(name: str, variable: str, start) -> None:
    if variable not in os.environ:
        server = start(_home / name)
        _servers.append(server)
        os.environ[variable] = server.url


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    from helpdesk.embedded.postgres import start_postgres
    from helpdesk.embedded.valkey import start_valkey

    _start("pg", "DATABASE_URL", lambda place: start_postgres(place, durable=False))
    _start("valkey", "REDIS_URL", start_valkey)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    for server in reversed(_servers):
        server.stop()
    shutil.rmtree(_home, ignore_errors=True)
