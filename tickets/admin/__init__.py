"""The set-up room: one module a subject, each page opened by a right of the rights table."""

from tickets.admin import (
    arrived,
    audit,
    backups,
    channels,
    company,
    failed,
    people,
    provider_secrets,
    replays,
    texts,
)

__all__ = [
    "arrived", "audit", "backups", "channels", "company", "failed", "people", "provider_secrets", "replays", "texts",
]  # fmt: skip
