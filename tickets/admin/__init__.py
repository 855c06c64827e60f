"""The set-up room: one module a subject, each page opened by a right of the rights table."""

from tickets.admin import audit, channels, company, failed, people, texts

__all__ = ["audit", "channels", "company", "failed", "people", "texts"]
