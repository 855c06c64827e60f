"""Decides how many tries somebody has before a pause, and when the pause ends (A15).

Counters and pauses lie in the shared cache. A try is counted before it is made, so that many at once gain nothing.
Known and unknown accounts are counted alike: the key is what was typed.
"""

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.cache import cache
from django.http import HttpRequest

from helpdesk.lib.clock import app_now


@dataclass(frozen=True)
class Limit:
    """So many tries within `window` seconds; then nothing for `pause` seconds."""

    name: str
    most: int
    window: int = 900
    pause: int = 900


PASSWORD = Limit("password", 10)
PASSWORD_ADDRESS = Limit("password-address", 100, 3600, 3600)
CODE = Limit("code", 5)
RESET = Limit("reset", 5, 3600, 3600)
RESET_ADDRESS = Limit("reset-address", 20, 3600, 3600)
LINK_ADDRESS = Limit("link-address", 20, 3600, 3600)


@dataclass(frozen=True)
class Pause:
    """Why nothing is tried now: until when, and how long the whole pause is in minutes."""

    until: datetime
    minutes: int


def take(limit: Limit, key: str) -> Pause | None:
    """Count one try; a `Pause` in return means that it must not be made."""
    running = _running(limit, key)
    if running is not None:
        return running
    counter = _name(limit, key, "tries")
    cache.add(counter, 0, timeout=limit.window)
    try:
        tries = cache.incr(counter)
    except ValueError:  # the window ended between the two calls
        cache.set(counter, 1, timeout=limit.window)
        tries = 1
    return _begin_pause(limit, key) if tries > limit.most else None


def spent(limit: Limit, key: str) -> Pause | None:
    """After a failed try: begin and return the pause when that was the last one."""
    tries = cache.get(_name(limit, key, "tries")) or 0
    return _begin_pause(limit, key) if tries >= limit.most else None


def clear(limit: Limit, key: str) -> None:
    """Forget the tries and the pause of a key (the right person has shown up)."""
    cache.delete_many([_name(limit, key, "tries"), _name(limit, key, "pause")])


def give_back(limit: Limit, key: str) -> None:
    """Take back one counted try that succeeded; the others stay counted."""
    try:
        cache.decr(_name(limit, key, "tries"))
    except ValueError:
        return  # the window ended meanwhile


def address_of(request: HttpRequest) -> str:
    """Return what counts as one address: an IPv4 address, or the /64 network of an IPv6 one."""
    text = str(request.META.get("REMOTE_ADDR") or "")
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else text


def _running(limit: Limit, key: str) -> Pause | None:
    said = cache.get(_name(limit, key, "pause"))
    if said is None:
        return None
    until = datetime.fromisoformat(said)
    if until > app_now():
        return Pause(until, limit.pause // 60)
    clear(limit, key)
    return None


def _begin_pause(limit: Limit, key: str) -> Pause:
    until = app_now() + timedelta(seconds=limit.pause)
    cache.set(_name(limit, key, "pause"), until.isoformat(), timeout=limit.pause)
    return Pause(until, limit.pause // 60)


def _name(limit: Limit, key: str, what: str) -> str:
    return (
        f"limit:{limit.name}:{what}:{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"
    )
