"""Decides which database a `DATABASE_URL` names; PostgreSQL only."""

from urllib.parse import parse_qsl, unquote, urlsplit

from helpdesk.lib.env import EnvError


def parse_database_url(url: str) -> dict:
    """Return a Django `DATABASES` entry for `url`.

    Takes `postgres://user:password@host:port/name`, and `postgres://user@/name?host=/socket/dir` for a
    socket directory. Other query items become connection options. Raises `EnvError` for another scheme.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise EnvError("DATABASE_URL: only postgres://user:password@host:port/name is accepted")
    options = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "postgres",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", parts.hostname or ""),
        "PORT": str(options.pop("port", parts.port or "")),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"options": "-c statement_timeout=30000 -c lock_timeout=20000", **options},
    }
