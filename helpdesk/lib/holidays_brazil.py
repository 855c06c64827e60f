"""Which days are holidays for an installation in Brazil (R-403, tables of section G)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

import holidays

STATES = frozenset(holidays.country_holidays("BR").subdivisions)
_OPTIONAL = {
    "Carnaval": "carnaval",
    "Corpus Christi": "corpus_christi",
    "Quarta-feira de Cinzas": "ash_wednesday",
}
MunicipalDay = date | tuple[int, int]


@dataclass(frozen=True)
class Holidays:
    """Days on which the hours of `feriado` hold, with their names, and days of no work at all."""

    days: Mapping[date, str] = field(default_factory=dict)
    closings: frozenset[date] = frozenset()

    def name(self, day: date) -> str:
        """Name of the holiday, or '' on any other day."""
        return self.days.get(day, "")


def brazil_holidays(
    years: Iterable[int],
    *,
    state: str | None = None,
    municipal: Iterable[MunicipalDay] = (),
    carnaval: bool = True,
    corpus_christi: bool = True,
    ash_wednesday: bool = False,
    one_off: Iterable[date] = (),
) -> Holidays:
    """National and state holidays of the years, plus the optional points switched on.

    `municipal` holds dates, or (month, day) for every year; `one_off` the company's own closings. A holiday
    by law of the state (Carnaval Tuesday in RJ) stays, whatever the switches say. Raises ValueError for an
    unknown state.
    """
    wanted = list(years)
    if state and state not in STATES:
        raise ValueError(f"unknown state {state!r}")
    switches = {"carnaval": carnaval, "corpus_christi": corpus_christi, "ash_wednesday": ash_wednesday}
    days = dict(holidays.country_holidays("BR", subdiv=state or None, years=wanted, language="pt_BR"))
    optional = holidays.country_holidays("BR", years=wanted, categories=("optional",), language="pt_BR")
    for day, name in optional.items():
        if switches.get(_OPTIONAL.get(name, ""), False):
            days.setdefault(day, name)
    for named in municipal:
        for fixed in [named] if isinstance(named, date) else _every_year(named, wanted):
            days.setdefault(fixed, "Feriado municipal")
    return Holidays(days=days, closings=frozenset(one_off))


def _every_year(month_day: tuple[int, int], years: list[int]) -> list[date]:
    month, day = month_day
    found = []
    for year in years:
        try:
            found.append(date(year, month, day))
        except ValueError:  # 29 February
            continue
    return found
