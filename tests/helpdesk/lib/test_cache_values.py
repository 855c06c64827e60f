"""What lies in the cache is data and never code (A26)."""

import pickle
from pathlib import Path

import redis
from django.conf import settings
from django.core.cache import cache

from helpdesk.lib.cache_values import JsonSerializer


class Mark:
    """Leaves a file where it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self):
        return Path.touch, (self.place,)


def test_values_and_counters_come_back():
    cache.set("facts", {"a": [1, "ç", None, True]})
    cache.set("number", 4)
    assert cache.incr("number") == 5
    assert cache.get("facts") == {"a": [1, "ç", None, True]}
    assert [JsonSerializer().loads(JsonSerializer().dumps(value)) for value in (False, 0, "1", -3)] == [
        False, 0, "1", -3,
    ]  # fmt: skip


def test_pickle_planted_in_redis_is_not_run(tmp_path):
    # A26
    cache.set("planted", "x")
    with redis.Redis.from_url(settings.REDIS_URL) as server:
        server.set(cache.make_key("planted"), pickle.dumps(Mark(tmp_path / "ran")))
    assert cache.get("planted") is None
    assert not (tmp_path / "ran").exists()
