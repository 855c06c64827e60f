"""How opening hours are written: `seg-sex 08:00-12:00,13:00-18:00; sab,dom,feriado 08:00-20:00`, or `24x7`.

Groups of days are separated by `;`. A day named nowhere is closed; `feriado` says what holds on holidays,
which are closed otherwise. An interval may run over midnight (`22:00-06:00`) and belongs to its first day.
"""

import re
import unicodedata
from dataclasses import dataclass

Interval = tuple[int, int]
DAY_NAMES = ("seg", "ter", "qua", "qui", "sex", "sab", "dom")
HOLIDAY = 7
MINUTES = 24 * 60
MAX_TEXT_LENGTH = 1_000
_ALWAYS = {"24x7", "24/7", "24h"}
_SHUT = {"fechado", "-"}
_TIME = re.compile(r"([0-9]{1,2})(?::([0-9]{2})|h([0-9]{2})?)")


def gettext_noop(message: str) -> str:
    """Marks a sentence for the catalogue; this module stays free of Django."""
    return message


class HoursError(ValueError):
    """Opening hours nobody can read. The text is a sentence; `_(message) % params` is its translation."""

    def __init__(self, message: str, **params: str) -> None:
        super().__init__(message % params)
        self.message = message
        self.params = params


@dataclass(frozen=True)
class WeeklyHours:
    """Intervals in minutes since midnight for Monday … Sunday and for holidays; the end may pass 1,440."""

    days: tuple[tuple[Interval, ...], ...]

    def of(self, weekday: int, *, holiday: bool = False) -> tuple[Interval, ...]:
        """Intervals of a weekday (Monday is 0), or of a holiday whatever weekday it is."""
        return self.days[HOLIDAY if holiday else weekday]


def parse_hours(text: str) -> WeeklyHours:
    """Read opening hours. Raises HoursError with a sentence that quotes what cannot be read."""
    if len(text) > MAX_TEXT_LENGTH:
        raise HoursError(gettext_noop("The opening hours are too long."))
    plain = _plain(text)
    if plain in _ALWAYS:
        return WeeklyHours(days=(((0, MINUTES),),) * 8)
    days: list[list[Interval]] = [[] for _ in range(8)]
    for group in filter(None, (part.strip() for part in plain.split(";"))):
        names, intervals = _split_group(group)
        for day in names:
            days[day] += intervals
    if not any(days):
        raise HoursError(gettext_noop("Say at least one opening time, such as “seg-sex 08:00-18:00”."))
    sorted_days = tuple(tuple(sorted(intervals)) for intervals in days)
    _refuse_overlaps(sorted_days)
    return WeeklyHours(days=sorted_days)


def _plain(text: str) -> str:
    """Lower case without accents, one space between words, none around `,` and `-`."""
    bare = unicodedata.normalize("NFKD", text.lower().replace("–", "-").replace("às", "-"))
    bare = "".join(char for char in bare if not unicodedata.combining(char))
    return re.sub(r" ?([,-]) ?", r"\1", " ".join(bare.split()))


def _split_group(group: str) -> tuple[list[int], list[Interval]]:
    names, _space, times = group.partition(" ")
    if not times:
        raise HoursError(gettext_noop("“%(group)s” needs days and times."), group=group)
    days = [day for name in names.split(",") for day in _parse_days(name)]
    if len(set(days)) != len(days):
        raise HoursError(gettext_noop("“%(group)s” names a day twice."), group=group)
    if times in _SHUT:
        return days, []
    if times in _ALWAYS:
        return days, [(0, MINUTES)]
    return days, [_parse_interval(interval) for interval in re.split(r"[, ]", times)]


def _parse_days(name: str) -> list[int]:
    if name in ("feriado", "feriados"):
        return [HOLIDAY]
    first, dash, last = name.partition("-")
    if first[:3] not in DAY_NAMES or (dash and last[:3] not in DAY_NAMES) or not _is_day(first, last):
        raise HoursError(gettext_noop("“%(name)s” is no day; write seg, ter … dom or feriado."), name=name)
    start = DAY_NAMES.index(first[:3])
    count = (DAY_NAMES.index(last[:3]) - start) % 7 if dash else 0
    return [(start + step) % 7 for step in range(count + 1)]


def _is_day(*names: str) -> bool:
    full = ("segunda", "terca", "quarta", "quinta", "sexta", "sabado", "domingo")
    return all(not name or name in DAY_NAMES or name in full for name in names)


def _parse_interval(text: str) -> Interval:
    start_text, dash, end_text = text.partition("-")
    if not dash:
        raise HoursError(gettext_noop("“%(text)s” is no interval; write 08:00-12:00."), text=text)
    start, end = _parse_time(start_text), _parse_time(end_text)
    if start == end or start >= MINUTES:
        raise HoursError(
            gettext_noop("“%(text)s” has no length; for a whole day write 00:00-24:00."), text=text
        )
    return (start, end) if end > start else (start, end + MINUTES)


def _parse_time(text: str) -> int:
    match = _TIME.fullmatch(text)
    minutes = int(match[1]) * 60 + int(match[2] or match[3] or 0) if match else -1
    if not match or minutes > MINUTES or int(match[2] or match[3] or 0) > 59:
        raise HoursError(gettext_noop("“%(text)s” is no time; write 08:00."), text=text)
    return minutes


def _refuse_overlaps(days: tuple[tuple[Interval, ...], ...]) -> None:
    """Within each day, and from a night shift into the morning after."""
    for day, intervals in enumerate(days):
        following = days[(day + 1) % 7] if day != HOLIDAY else ()
        starts = [*intervals[1:], *((start + MINUTES, end + MINUTES) for start, end in following[:1])]
        for current, later in zip(intervals, starts, strict=False):
            if later[0] < current[1]:
                name = "feriado" if day == HOLIDAY else DAY_NAMES[day]
                raise HoursError(gettext_noop("The times of “%(day)s” overlap."), day=name)
