"""Decides the type of a part and the values of its parameters (RFC 2045 5.1, RFC 2183, RFC 2231)."""

import re
from typing import NamedTuple

from channels_inbox.mail.charsets import decode_text, one_line
from channels_inbox.mail.headers import decode_words

_TYPE = re.compile(r"([A-Za-z0-9!#$&^_.+-]{1,100})/([A-Za-z0-9!#$&^_.+-]{1,100})")
_NAME = re.compile(r"\s*([^\s=;\"]{1,100})\s*=\s*")
_QUOTED = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\])')
_SECTION = re.compile(r"(.+?)(?:\*(\d{1,3}))?(\*)?")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_UTF8_PERCENT = re.compile(r"%[C-Fc-f][0-9A-Fa-f]%[89ABab][0-9A-Fa-f]")
_MOST = 200


class Value(NamedTuple):
    """A field of the shape `main; name=value`."""

    main: str
    parameters: dict[str, str]


_EMPTY = Value("", {})


def parse_value(text: str) -> Value:
    """Main value in lower case, and parameters decoded; the first of repeated parameters counts."""
    if not text:
        return _EMPTY
    main, semicolon, rest = text.partition(";")
    return Value(main.strip().lower(), _join(_split(rest)) if semicolon else {})


def content_type(text: str) -> tuple[str, dict[str, str]]:
    """Type such as `text/plain` ('' when missing or none) and its parameters."""
    main, parameters = parse_value(text)
    found = _TYPE.match(main)
    return (found.group(0) if found else "text/plain" if main in ("text", "plain") else ""), parameters


def _split(text: str) -> list[tuple[str, str, bool]]:
    """Raw (name, value, was quoted) triples, in one pass."""
    found: list[tuple[str, str, bool]] = []
    at = 0
    while at < len(text) and len(found) < _MOST:
        name = _NAME.match(text, at)
        if not name:
            at = text.find(";", at) + 1
            if not at:
                break
            continue
        at = name.end()
        quoted = _QUOTED.match(text, at) if text.startswith('"', at) else None
        if quoted:
            value, at = _ESCAPED.sub(r"\1", quoted.group(1)), quoted.end()
        else:
            # An unclosed quote takes the rest: looking on for its end again and again would be quadratic.
            end = -1 if text.startswith('"', at) else text.find(";", at)
            value = text[at : end if end >= 0 else len(text)].strip(' \t"')
            at = end if end >= 0 else len(text)
        found.append((name.group(1).lower(), value, bool(quoted)))
        following = text.find(";", at)
        at = following + 1 if following >= 0 else len(text)
    return found


def _join(raw: list[tuple[str, str, bool]]) -> dict[str, str]:
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for name, value, _ in raw:
        if "*" not in name:
            plain.setdefault(name, value)
            continue
        section = _SECTION.fullmatch(name)
        if section:
            number = int(section.group(2) or 0)
            pieces.setdefault(section.group(1), {}).setdefault(number, (value, bool(section.group(3))))
    values = {name: _plain_value(value) for name, value in plain.items()}
    # The extended form wins: the plain one beside it is a fallback for old readers (as RFC 6266 4.3).
    values.update((name, _extended_value(sections)) for name, sections in pieces.items())
    return values


def _plain_value(value: str) -> str:
    value = decode_words(value)
    if "%" in value and " " not in value and _UTF8_PERCENT.search(value):
        return one_line(decode_text(_unpercent(value))[0])
    return value


def _extended_value(sections: dict[int, tuple[str, bool]]) -> str:
    charset, data = "", []
    for place, number in enumerate(sorted(sections)):
        value, encoded = sections[number]
        if not place and value.count("'") >= 2 and encoded:
            charset, _, value = value.split("'", 2)
        data.append(_unpercent(value) if encoded else value.encode("utf-8", "replace"))
    text = one_line(decode_text(b"".join(data), charset)[0])
    return decode_words(text)


def _unpercent(value: str) -> bytes:
    return _PERCENT.sub(lambda found: bytes([int(found.group(1), 16)]), value.encode("utf-8", "replace"))
