"""Decides when a department is open and how a moment or a target is said to a customer (R-019, R-403)."""

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from helpdesk.lib.brazil import format_hour
from helpdesk.lib.business_hours import BusinessCalendar, Holidays, brazil_holidays, parse_hours
from helpdesk.people.models import SiteSettings
from tickets.models import Department


def calendar_of(department: Department, *, site: SiteSettings, near: datetime) -> BusinessCalendar:
    """Return the department's calendar: its hours, the holidays around `near`, its zone or the installation's."""
    return BusinessCalendar(
        hours=parse_hours(department.hours),
        holidays=holidays_of(site, near=near),
        timezone=ZoneInfo(department.timezone or site.timezone),
    )


def holidays_of(site: SiteSettings, *, near: datetime) -> Holidays:
    """Return the installation's holidays of the year before `near` to two years after."""
    return _holidays(
        near.year,
        site.state,
        _frozen(site.municipal_holidays),
        _frozen(site.closings),
        site.carnaval,
        site.corpus_christi,
        site.ash_wednesday,
    )


def _frozen(days: Any) -> tuple[str, ...]:
    return tuple(sorted(str(day) for day in days or ()))


@lru_cache(maxsize=16)
def _holidays(
    year: int,
    state: str,
    municipal: tuple[str, ...],
    closings: tuple[str, ...],
    carnaval: bool,
    corpus: bool,
    ash: bool,
) -> Holidays:
    return brazil_holidays(
        range(year - 1, year + 3),
        state=state or None,
        municipal=tuple(_municipal_day(day) for day in municipal),
        one_off=tuple(date.fromisoformat(day) for day in closings),
        carnaval=carnaval,
        corpus_christi=corpus,
        ash_wednesday=ash,
    )


def _municipal_day(text: str) -> date | tuple[int, int]:
    """Read `2026-01-25`, or `01-25` for every year."""
    if len(text) == 5:
        return int(text[:2]), int(text[3:])
    return date.fromisoformat(text)


def first_reply_words(target: dict[str, Any]) -> str:
    """Say a first-reply target in words: minutes or hours of opening time; '' when there is none."""
    if target.get("rule") == "half_day":
        return _("by the end of the half day")
    if target.get("seconds"):
        return _("within %(n)s seconds") % {"n": target["seconds"]}
    minutes = int(target.get("minutes") or 0)
    if not minutes:
        return ""
    if minutes % 60 == 0:
        return ngettext("within %(n)s business hour", "within %(n)s business hours", minutes // 60) % {
            "n": minutes // 60
        }
    return ngettext("within %(n)s minute", "within %(n)s minutes", minutes) % {"n": minutes}


def spoken_moment(moment: datetime, *, now: datetime, zone: ZoneInfo) -> str:
    """Say when: «hoje às 14h», «amanhã às 8h», «segunda, 23/11, às 8h»."""
    local, today = moment.astimezone(zone), now.astimezone(zone).date()
    hour = format_hour(local)
    if local.date() == today:
        return _("today at %(hour)s") % {"hour": hour}
    if local.date() == today + timedelta(days=1):
        return _("tomorrow at %(hour)s") % {"hour": hour}
    pattern = "d/m" if local.year == today.year else "d/m/Y"
    return _("%(weekday)s, %(date)s, at %(hour)s") % {
        "weekday": date_format(local, "l").split("-")[0].lower(),
        "date": date_format(local, pattern),
        "hour": hour,
    }
