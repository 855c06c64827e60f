"""Decides what message ids and dates a mail names (RFC 5322 3.3, 3.6.4)."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from channels_inbox.mail import limits
from channels_inbox.mail.charsets import decode_field
from channels_inbox.mail.headers import Headers, decode_words

_ID = re.compile(r"<([^<>]+)>")
_BLANKS = re.compile(r"\s+")
_MONTHS = {
    "fev": "Feb",
    "abr": "Apr",
    "mai": "May",
    "ago": "Aug",
    "set": "Sep",
    "out": "Oct",
    "dez": "Dec",
    "ene": "Jan",
    "dic": "Dec",
}
_MONTH = re.compile(r"\b(" + "|".join(_MONTHS) + r")[a-zç]*\b", re.IGNORECASE)


def message_ids(raw: bytes) -> list[str]:
    """Ids of a field in their order, each as `<left@right>`, without repeats."""
    text = decode_field(raw)
    if "=?" in text and "<" not in text:
        text = decode_words(text)  # Exchange encodes References that are too long for it
    found = _ID.findall(text)
    if not found:
        found = [word for word in text.split() if "@" in word and word.isprintable()]
    ids = (_BLANKS.sub("", one) for one in found)  # long ids are folded inside the brackets
    return list(dict.fromkeys(f"<{one}>" for one in ids if one and len(one) <= limits.ID_CHARS - 2))


def message_id(headers: Headers) -> str:
    """The mail's own id with its brackets, '' when missing or unusable."""
    raw = headers.raw("message-id") or headers.raw("message_id")
    ids = message_ids(raw[: limits.FIELD_BYTES])
    if ids:
        return ids[0]
    word = _BLANKS.sub("", decode_field(raw[: limits.FIELD_BYTES])).strip("<>")
    return f"<{word}>" if 0 < len(word) <= limits.ID_CHARS - 2 else ""


def references(headers: Headers) -> list[str]:
    """Ids of References, oldest first; of very many, the first and the latest ones."""
    ids = [one for raw in headers.all_raw("references") for one in message_ids(raw)]
    if not ids:
        ids = [one for raw in headers.all_raw("in-reply-to") for one in message_ids(raw)]
    ids = list(dict.fromkeys(ids))
    if len(ids) > limits.REFERENCES:
        ids = ids[: limits.REFERENCES_FIRST] + ids[limits.REFERENCES_FIRST - limits.REFERENCES :]
    return ids


def sent_at(headers: Headers) -> datetime | None:
    """The Date field in UTC; None when missing or no date."""
    text = headers.literal("date", most=200)
    if not text:
        return None
    found = _read_date(text, parsedate_to_datetime) or _read_date(text, datetime.fromisoformat)
    return found or _read_date(_MONTH.sub(_english_month, text.replace(".", "")), parsedate_to_datetime)


def _read_date(text: str, read: Callable[[str], datetime]) -> datetime | None:
    try:
        found = read(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError, ArithmeticError):
        return None


def _english_month(found: re.Match[str]) -> str:
    return _MONTHS[found.group(1).lower()]
