from pathlib import Path

import pytest

from helpdesk.embedded.servers import running_servers, start_servers


@pytest.fixture(autouse=True)
def _nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "DATABASE_URL_FILE", "REDIS_URL_FILE"):
        monkeypatch.delenv(name, raising=False)


def test_servers_stop_with_their_last_user(place: Path) -> None:
    first = start_servers(place)
    assert first.postgres
    assert first.valkey
    with running_servers(place) as second:
        assert second.environment() == first.environment()
    assert (first.postgres.healthy(), first.valkey.healthy()) == (True, True)
    first.stop()
    assert (first.postgres.healthy(), first.valkey.healthy()) == (False, False)
    first.stop()  # again: nothing to do


def test_given_addresses_need_no_server(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://db.example/desk")
    monkeypatch.setenv("REDIS_URL_FILE", "/run/secrets/redis")
    with running_servers(place) as servers:
        assert servers.environment() == {}
    assert not (place / "postgres").exists()
    assert not (place / "valkey").exists()
