"""Decides what the demonstration tells: its people and its stories, read from data, with every moment worked out.

Moments are relative to the start, so that the demonstration is always of the last ten days: `-3 10:42` is 10h42
three business days ago, `+1 15:00` the next business day, `-40m` and `+2h` count from the present minute.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

HERE = Path(__file__).parent
VERBS = ("mail", "phone", "reply", "note", "assign", "status", "trio", "bounce", "close")
_CLOCK = re.compile(r"([+-]\d{1,2}) (\d\d):(\d\d)")
_SPAN = re.compile(r"([+-])(\d{1,3})([mh])")
HALF_HOUR = 30


@dataclass(frozen=True)
class Step:
    """One thing that happens: `verb` by `who` at a moment, on the ticket of the story `key`."""

    at: datetime
    key: str
    verb: str
    who: str
    facts: Mapping[str, Any]
    story: Mapping[str, Any]


@lru_cache
def cast() -> Mapping[str, Any]:
    """Return company, team, customers and strangers."""
    return yaml.safe_load((HERE / "cast.yaml").read_text(encoding="utf-8"))


@lru_cache
def stories() -> tuple[Mapping[str, Any], ...]:
    """Return every story: `key`, `to` (department), `subject`, `steps`."""
    files = sorted((HERE / "stories").glob("*.yaml"))
    return tuple(story for file in files for story in yaml.safe_load(file.read_text(encoding="utf-8")))


def customer(name: str) -> Mapping[str, str]:
    """Return the facts of somebody who writes to the desk. Raises `KeyError` for nobody we know."""
    people = {**cast()["customers"], **cast()["strangers"]}
    return people[name]


def timeline(now: datetime, zone: ZoneInfo) -> list[Step]:
    """Return the steps of all stories in the order in which they happened."""
    steps = [_step(story, facts, now, zone) for story in stories() for facts in story["steps"]]
    return sorted(steps, key=lambda step: step.at)


def _step(story: Mapping[str, Any], facts: Mapping[str, Any], now: datetime, zone: ZoneInfo) -> Step:
    verb = next(name for name in VERBS if name in facts)
    at = moment(facts["at"], now=now, zone=zone)
    return Step(at=at, key=story["key"], verb=verb, who=facts[verb], facts=facts, story=story)


def moment(text: str, *, now: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment a text of the stories means. Raises `ValueError`."""
    clock, span = _CLOCK.fullmatch(text), _SPAN.fullmatch(text)
    if clock:
        day = _business_day(now.astimezone(zone), int(clock[1]))
        return datetime.combine(day, time(int(clock[2]), int(clock[3])), tzinfo=zone)
    if span:
        minutes = int(span[2]) * (60 if span[3] == "h" else 1)
        return now + timedelta(minutes=minutes if span[1] == "+" else -minutes)
    raise ValueError(f"no moment: {text}")


def promised(text: str, *, now: datetime, zone: ZoneInfo) -> datetime:
    """Return a promised moment: as `moment`, on the full or half hour people promise."""
    when = moment(text, now=now, zone=zone).astimezone(zone).replace(second=0, microsecond=0)
    return when + timedelta(minutes=-when.minute % HALF_HOUR)


def _business_day(today: datetime, days: int):
    day, step = today.date(), 1 if days > 0 else -1
    for _ in range(abs(days)):
        day += timedelta(days=step)
        while day.weekday() > 4:
            day += timedelta(days=step)
    return day
