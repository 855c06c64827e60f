"""What a process may read from its environment, and which words it accepts there.

Every reader refuses a wrong value with `EnvError`, whose text names the variable and says what is accepted,
so that a start stops with one clear sentence. An empty variable counts as unset (compose files write
`${NAME:-}`). Any variable may instead be given as a file: `NAME_FILE=/run/secrets/name`.
Texts, addresses and lists never repeat the value in the error: it may be a secret.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")
Environ = Mapping[str, str]

MAX_VALUE_LENGTH = 65_536
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
_INTEGER = re.compile(r"-?[0-9]{1,18}")


class EnvError(Exception):
    """A variable is missing or wrong; the text names it and says what is accepted."""

    def __init__(self, name: str, reason: str = "") -> None:
        super().__init__(f"{name}: {reason}" if reason else name)
        self.name = name


class _Required:
    """Marks a variable without a default."""


REQUIRED = _Required()


def env_str(
    name: str,
    default: str | _Required = REQUIRED,
    *,
    choices: Sequence[str] = (),
    min_length: int = 0,
    environ: Environ | None = None,
) -> str:
    """Text without line breaks or control characters; one of `choices` when given."""

    def parse(raw: str) -> str:
        if choices and raw not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        if len(raw) < min_length:
            raise ValueError(f"must have at least {min_length} characters")
        return raw

    return _read(name, default, parse, environ)


def env_secret(name: str, default: str | None = None, *, environ: Environ | None = None) -> str:
    """Key or password, usually given as `NAME_FILE`. Required when `default` is None."""
    return env_str(name, REQUIRED if default is None else default, environ=environ)


def env_bool(name: str, default: bool | _Required = REQUIRED, *, environ: Environ | None = None) -> bool:
    """1/true/yes/on or 0/false/no/off, in either case."""

    def parse(raw: str) -> bool:
        word = raw.lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        raise ValueError(f"must be 1, true, yes, on, 0, false, no or off, not {raw[:40]!r}")

    return _read(name, default, parse, environ)


def env_int(
    name: str,
    default: int | _Required = REQUIRED,
    *,
    minimum: int | None = None,
    maximum: int | None = None,
    environ: Environ | None = None,
) -> int:
    """Decimal ASCII digits with an optional minus, between `minimum` and `maximum` inclusive."""

    def parse(raw: str) -> int:
        if not _INTEGER.fullmatch(raw):
            raise ValueError(f"must be a whole number{_say_range(minimum, maximum)}, not {raw[:40]!r}")
        return _check_range(int(raw), minimum, maximum)

    return _read(name, default, parse, environ)


def env_list(
    name: str,
    default: list[str] | _Required = REQUIRED,
    *,
    item: Callable[[str], str] | None = None,
    environ: Environ | None = None,
) -> list[str]:
    """Comma-separated items, spaces around them dropped; empty items and repeats are refused.

    `item` normalises one item and raises ValueError saying what is accepted.
    """

    def parse(raw: str) -> list[str]:
        items = [part.strip() for part in raw.split(",")]
        if not all(items):
            raise ValueError("must be a list separated by commas, without empty items")
        items = [item(part) for part in items] if item else items
        if len(set(items)) != len(items):
            raise ValueError("must be a list separated by commas, without repeated items")
        return items

    return _read(name, default, parse, environ)


def env_url(
    name: str,
    default: str | _Required = REQUIRED,
    *,
    schemes: Sequence[str] = ("http", "https"),
    bare: bool = False,
    environ: Environ | None = None,
) -> str:
    """Address with one of `schemes`. `bare` allows no login, query or fragment and drops the last slash."""

    def parse(raw: str) -> str:
        accepted = f"must be an address such as {schemes[0]}://host.example"
        try:
            url = urlsplit(raw)
            port_is_fine = url.port is None or url.port > 0
        except ValueError:
            raise ValueError(accepted) from None
        if url.scheme not in schemes or not port_is_fine or not raw.isascii() or " " in raw:
            raise ValueError(f"{accepted} (scheme {' or '.join(schemes)})")
        if not url.netloc and (url.scheme in ("http", "https") or not url.path):
            raise ValueError(accepted)
        if bare and (url.username or url.password or url.query or url.fragment):
            raise ValueError(f"{accepted}, without login, query or fragment")
        return raw.rstrip("/") if bare else raw

    return _read(name, default, parse, environ)


def _read(name: str, default: T | _Required, parse: Callable[[str], T], environ: Environ | None) -> T:
    raw = _raw_value(name, os.environ if environ is None else environ)
    if raw is None:
        if isinstance(default, _Required):
            raise EnvError(name, f"is required; set {name} or {name}_FILE")
        return default
    if len(raw) > MAX_VALUE_LENGTH or any(ord(char) < 32 or ord(char) == 127 for char in raw):
        raise EnvError(name, "must be one line without control characters")
    try:
        return parse(raw)
    except ValueError as error:
        raise EnvError(name, str(error)) from None


def _raw_value(name: str, environ: Environ) -> str | None:
    """Stripped value from the variable or from the file it points at; None when unset or empty."""
    value = environ.get(name, "").strip()
    path = environ.get(f"{name}_FILE", "").strip()
    if value and path:
        raise EnvError(name, f"is set together with {name}_FILE; keep only one of them")
    if not path:
        return value or None
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_VALUE_LENGTH + 1).decode("utf-8").strip()
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise EnvError(f"{name}_FILE", f"must name a readable text file ({type(error).__name__})") from None
    if not content:
        raise EnvError(f"{name}_FILE", "must name a file that is not empty")
    return content


def _check_range(number: int, low: int | None, high: int | None) -> int:
    if (low is not None and number < low) or (high is not None and number > high):
        raise ValueError(f"must be a number{_say_range(low, high)}, not {number}")
    return number


def _say_range(low: int | None, high: int | None) -> str:
    if low is not None and high is not None:
        return f" from {low} to {high}"
    if low is not None:
        return f" of at least {low}"
    return "" if high is None else f" of at most {high}"
