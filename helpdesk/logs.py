"""Decides what a log line looks like and what never stands in it: JSON lines without tokens or secrets."""

import json
import logging
import re
from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")
_SECRETS = (
    (re.compile(r"/t/[A-Za-z0-9_-]{20,}"), "/t/…"),
    (re.compile(r"/(convite|invite|senha|password)/[A-Za-z0-9_:-]{20,}"), r"/\1/…"),
    (
        re.compile(
            r"(?i)(password|passwd|secret|token|authorization|api[_-]?key)"
            r"([\w-]{0,30}[\"'\\]{0,2}\s{0,3}[=:]\s{0,3}[\"'\\]{0,2}(?:(?:bearer|basic)\s+)?)[^\s\"',;&\\]+"
        ),
        r"\1\2…",
    ),
    (re.compile(r"(?i)\b(bearer\s+)[^\s\"',;]+"), r"\1…"),
)


def scrub(text: str) -> str:
    """Return the text without link tokens and secrets (A13, A25)."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


class ScrubFilter(logging.Filter):
    """Scrubs the finished message of every record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = scrub(record.getMessage()), ()
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id.get():
            line["request"] = request_id.get()
        if record.exc_info:
            line["trace"] = scrub(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)
