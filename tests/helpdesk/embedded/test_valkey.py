import os
import signal
from pathlib import Path

import pytest
import redis

from helpdesk.embedded.valkey import start_valkey
from tests.helpdesk.embedded.conftest import as_normal_user


def test_start_adopt_kill_restart_and_stop(place: Path) -> None:
    server = start_valkey(place)
    try:
        redis.Redis.from_url(server.url).set("bell", "rung")
        adopted = start_valkey(place)
        assert (adopted.pid, adopted.process) == (server.pid, None)
        server.stop()
        assert not adopted.healthy()
        again = start_valkey(place)
        assert redis.Redis.from_url(again.url).get("bell") == b"rung"
        os.kill(again.pid, signal.SIGKILL)
        third = start_valkey(place)
        assert (third.healthy(), again.healthy()) == (True, False)
        assert third.url == server.url
    finally:
        start_valkey(place).stop()


def test_settings_suit_a_broker(place: Path) -> None:
    server = start_valkey(place)
    client = redis.Redis.from_url(server.url)
    try:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("port") == {"port": "0"}
    finally:
        client.close()
        server.stop()


def test_damaged_file_is_put_aside(place: Path) -> None:
    server = start_valkey(place)
    redis.Redis.from_url(server.url).set("bell", "rung")
    server.stop()
    for part in (place / "valkey" / "appendonlydir").iterdir():
        part.write_bytes(b"\xff" * 64)
    again = start_valkey(place)
    try:
        assert redis.Redis.from_url(again.url).get("bell") is None
        assert len(list(place.glob("valkey.damaged-*"))) == 1
    finally:
        again.stop()


@pytest.mark.usefixtures("normal_user_reaches_wheel")
def test_normal_user_starts_and_stops(place: Path) -> None:
    place.chmod(0o777)

    def work() -> bool:
        server = start_valkey(place / "mine")
        answered = server.healthy()
        server.stop()
        return answered

    assert as_normal_user(work)
