"""Decides how this process talks to Redis beside Celery and the cache: one small pool, short patience."""

from functools import lru_cache

import redis
from django.conf import settings

PATIENCE_SECONDS = 2


def client() -> redis.Redis:
    """Return the process's connection to Redis. Its calls raise `redis.RedisError` when the broker is away."""
    return _connected(settings.REDIS_URL)


@lru_cache(maxsize=4)
def _connected(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url, socket_timeout=PATIENCE_SECONDS, socket_connect_timeout=PATIENCE_SECONDS
    )
