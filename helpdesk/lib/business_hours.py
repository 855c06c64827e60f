"""When a department is open, and how business time is added and counted: pure arithmetic (R-403, R-404).

Hours are wall-clock hours: an instant is open when the clock on the department's wall says so. A clock
that is set back shows an hour twice, and the department is open twice; a skipped hour is worked by nobody.
All results are in UTC, so that subtracting and comparing them is exact.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from helpdesk.lib.holidays_brazil import Holidays, brazil_holidays
from helpdesk.lib.opening_hours import HoursError, WeeklyHours, parse_hours

__all__ = [
    "BusinessCalendar",
    "CalendarError",
    "Holidays",
    "HoursError",
    "WeeklyHours",
    "brazil_holidays",
    "parse_hours",
]

DAY = timedelta(days=1)
# A department shut for longer than this has no opening hours, whatever its table says.
SEARCH_DAYS = 400
Span = tuple[datetime, datetime]


class CalendarError(Exception):
    """The calendar has no opening time where one was looked for."""


@dataclass(frozen=True)
class BusinessCalendar:
    """Hours, holidays and zone of a department. Moments given must carry a zone; moments returned are UTC."""

    hours: WeeklyHours
    holidays: Holidays
    timezone: ZoneInfo
    _spans: dict[date, tuple[Span, ...]] = field(default_factory=dict, compare=False, repr=False)

    def is_open(self, moment: datetime) -> bool:
        """Whether the department is open: at the first instant of an interval yes, at its end no."""
        at = _to_utc(moment)
        day = self._local_day(at)
        return any(start <= at < end for near in (day - DAY, day) for start, end in self._spans_of(near))

    def next_opening(self, moment: datetime) -> datetime:
        """The moment itself when open, else when it opens. Raises CalendarError when it never does."""
        at = _to_utc(moment)
        for start, _end in self._spans_from(at):
            return max(start, at)
        raise CalendarError("no opening time within the next 400 days")

    def next_closing(self, moment: datetime) -> datetime | None:
        """When the current or next opening ends; None when it does not end in 400 days (24x7).

        Raises CalendarError when it never opens.
        """
        opening = closing = self.next_opening(moment)
        for start, end in self._spans_from(opening):
            if start > closing:
                return closing
            closing = end
        return None if closing - opening > DAY * (SEARCH_DAYS - 3) else closing

    def add(self, moment: datetime, seconds: int) -> datetime:
        """Move by business seconds, backwards when negative. Raises CalendarError when it never opens.

        The result lies in opening time or at its very end: 17:00 plus one hour is 18:00, not tomorrow 8:00.
        """
        at, rest = _to_utc(moment), timedelta(seconds=abs(seconds))
        if not rest:
            return at
        if seconds < 0:
            return self._subtract(at, rest)
        for start, end in self._endless_spans_from(at):
            start = max(start, at)
            if end - start >= rest:
                return start + rest
            rest -= end - start
        raise CalendarError("no opening time within the next 400 days")

    def between(self, start: datetime, end: datetime) -> int:
        """Business seconds from start to end, rounded down; negative when end is earlier."""
        first, last = _to_utc(start), _to_utc(end)
        if last < first:
            return -self.between(last, first)
        total = timedelta()
        for opens, closes in self._clipped_spans(self._local_day(first) - DAY, self._local_day(last)):
            total += max(min(closes, last) - max(opens, first), timedelta())
        return total // timedelta(seconds=1)

    def is_business_day(self, day: date) -> bool:
        """Whether the department opens on that local day."""
        return bool(self._spans_of(day))

    def add_business_days(self, moment: datetime, days: int) -> datetime:
        """Move by days on which the department opens, keeping the local time of day.

        From a day it does not open the first step leads to the next (or previous) one; zero days mean the
        same day or, when it is shut, the next that opens. Raises CalendarError when there is none.
        """
        local = _to_utc(moment).astimezone(self.timezone)
        day, step, left = local.date(), DAY if days >= 0 else -DAY, abs(days)
        if left == 0 and not self.is_business_day(day):
            left = 1
        shut = 0
        while left:
            day += step
            if self.is_business_day(day):
                left, shut = left - 1, 0
            elif (shut := shut + 1) > SEARCH_DAYS:
                raise CalendarError("no opening day within 400 days")
        return datetime.combine(day, local.timetz()).astimezone(UTC)

    def _subtract(self, at: datetime, rest: timedelta) -> datetime:
        day, shut = self._local_day(at), 0
        while shut <= SEARCH_DAYS:
            midnight = datetime.combine(day, time(), self.timezone).astimezone(UTC)
            shut += 1
            for start, end in reversed(list(self._clipped_spans(day - DAY, day))):
                start, end = max(start, midnight), min(end, at)
                if start >= end:
                    continue
                if end - start >= rest:
                    return end - rest
                rest, shut = rest - (end - start), 0
            at, day = min(at, midnight), day - DAY
        raise CalendarError("no opening time within the last 400 days")

    def _spans_from(self, at: datetime) -> Iterator[Span]:
        """Spans that end after `at`, in order and without overlap, of the next 400 days."""
        first = self._local_day(at) - DAY
        for span in self._clipped_spans(first, first + DAY * SEARCH_DAYS):
            if span[1] > at:
                yield span

    def _endless_spans_from(self, at: datetime) -> Iterator[Span]:
        """Like `_spans_from`, on and on; ends after 400 days without any."""
        while True:
            last = None
            for span in self._spans_from(at):
                last = span
                yield span
            if last is None:
                return
            at = last[1]

    def _clipped_spans(self, first: date, last: date) -> Iterator[Span]:
        """Spans of the days in order; a night shift running into the next day's hours counts once."""
        reached = datetime.min.replace(tzinfo=UTC)
        for start, end in self._ordered_spans(first, last):
            if end > reached:
                yield max(start, reached), end
                reached = end

    def _ordered_spans(self, first: date, last: date) -> Iterator[Span]:
        """Spans by start: a clock set back in a night shift makes one begin after the next day's first."""
        waiting: list[Span] = []
        day = first
        while day <= last:
            spans = self._spans_of(day)
            if spans:
                yield from (span for span in waiting if span[0] < spans[0][0])
                waiting = sorted([*(span for span in waiting if span[0] >= spans[0][0]), *spans])
            day += DAY
        yield from waiting

    def _spans_of(self, day: date) -> tuple[Span, ...]:
        """UTC spans of the intervals that begin on a local day."""
        if day not in self._spans:
            if len(self._spans) > 4 * SEARCH_DAYS:
                self._spans.clear()
            self._spans[day] = tuple(sorted(self._day_spans(day)))
        return self._spans[day]

    def _day_spans(self, day: date) -> Iterator[Span]:
        if day in self.holidays.closings:
            return
        midnight = datetime.combine(day, time())
        for start, end in self.hours.of(day.weekday(), holiday=day in self.holidays.days):
            yield from _wall_spans(
                midnight + timedelta(minutes=start), midnight + timedelta(minutes=end), self.timezone
            )

    def _local_day(self, at: datetime) -> date:
        return at.astimezone(self.timezone).date()


def _to_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return moment.astimezone(UTC)


def _wall_spans(start: datetime, end: datetime, zone: ZoneInfo) -> list[Span]:
    """The instants whose wall clock is within [start, end): one span, or two around a change of the clock."""
    before, after = _offset(start - DAY, zone), _offset(end + DAY, zone)
    if before == after:
        return [((start - before).replace(tzinfo=UTC), (end - before).replace(tzinfo=UTC))]
    change = _find_change(start - DAY - before, end + DAY - after, zone, before)
    spans = [(start - before, min(end - before, change)), (max(start - after, change), end - after)]
    spans = [(opens, closes) for opens, closes in spans if opens < closes]
    if len(spans) == 2 and spans[0][1] == spans[1][0]:
        spans = [(spans[0][0], spans[1][1])]
    return [(opens.replace(tzinfo=UTC), closes.replace(tzinfo=UTC)) for opens, closes in spans]


def _offset(wall: datetime, zone: ZoneInfo) -> timedelta:
    return wall.replace(tzinfo=zone).utcoffset() or timedelta()


def _find_change(low: datetime, high: datetime, zone: ZoneInfo, before: timedelta) -> datetime:
    """The first UTC second between `low` and `high` (naive) whose offset is no longer `before`."""
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        offset = middle.replace(tzinfo=UTC).astimezone(zone).utcoffset()
        low, high = (middle, high) if offset == before else (low, middle)
    return high
