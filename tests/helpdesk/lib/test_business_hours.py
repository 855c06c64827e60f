"""R-403, R-404: opening hours, holidays, and business time against a minute-by-minute oracle."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpdesk.lib.business_hours import (
    BusinessCalendar,
    CalendarError,
    Holidays,
    HoursError,
    WeeklyHours,
    brazil_holidays,
    parse_hours,
)

OFFICE = "seg-sex 08:00-12:00,13:00-18:00"
SAO_PAULO, NEW_YORK, ACRE = (
    ZoneInfo(name) for name in ("America/Sao_Paulo", "America/New_York", "America/Rio_Branco")
)


def calendar(
    hours: str = OFFICE, holidays: Holidays | None = None, zone: ZoneInfo = SAO_PAULO
) -> BusinessCalendar:
    return BusinessCalendar(parse_hours(hours), holidays or Holidays(), zone)


def at(text: str, zone: ZoneInfo = SAO_PAULO) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def local(moment: datetime, zone: ZoneInfo = SAO_PAULO) -> str:
    return moment.astimezone(zone).isoformat(" ", "minutes")[:16]


# --- How hours are written --------------------------------------------------------------------------


def test_parse_hours_reads_groups_breaks_and_holidays():
    office = ((480, 720), (780, 1080))
    long = ((480, 1200),)
    assert parse_hours("seg-sex 08:00-12:00,13:00-18:00; sab,dom,feriado 08:00-20:00") == WeeklyHours(
        days=(office,) * 5 + (long, long, long)
    )


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("24x7", "seg-dom,feriado 00:00-24:00"),
        ("  SEG - SEX  08:00 - 12:00 , 13:00–18:00 ;", OFFICE),
        ("segunda-sexta 8h-12h,13h00-18h", OFFICE),
        ("seg 8h-12h; seg 13h-18h; ter-sex 08:00-12:00 13:00-18:00", OFFICE),
        ("sáb-dom 9h-10h", "sab 9:00-10:00; dom 9:00-10:00"),
        ("sex-seg 9h-10h", "sex,sab,dom,seg 9:00-10:00"),
        ("seg 9h-10h; dom fechado", "seg 9h-10h"),
        ("seg 24h", "seg 00:00-24:00"),
    ],
)
def test_parse_hours_forgives_spelling(text, same):
    assert parse_hours(text) == parse_hours(same)


def test_parse_hours_lets_a_night_shift_run_over_midnight():
    assert parse_hours("seg 22:00-06:00").of(0) == ((1320, 1800),)
    assert parse_hours("seg-dom 22:00-06:00,06:00-07:00").of(6) == ((360, 420), (1320, 1800))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "at least one opening time"),
        (";;", "at least one opening time"),
        ("dom fechado", "at least one opening time"),
        ("amanhã 8h-9h", "“amanha” is no day"),
        ("segredo 8h-9h", "“segredo” is no day"),
        ("seg-xyz 8h-9h", "“seg-xyz” is no day"),
        ("08:00-18:00", "needs days and times"),
        ("seg", "needs days and times"),
        ("seg 8", "“8” is no interval"),
        ("seg 8-18", "“8” is no time"),
        ("seg 25:00-26:00", "“25:00” is no time"),
        ("seg 08:60-09:00", "“08:60” is no time"),
        ("seg 08:00-08:00", "has no length"),
        ("seg 24:00-06:00", "has no length"),
        ("seg 08:00-12:00,11:00-13:00", "“seg” overlap"),
        ("seg 08:00-12:00; seg 11:00-13:00", "“seg” overlap"),
        ("seg 22:00-06:00; ter 05:00-09:00", "“seg” overlap"),
        ("dom 22:00-06:00; seg 05:00-09:00", "“dom” overlap"),
        ("feriado 08:00-12:00,09:00-10:00", "“feriado” overlap"),
        ("seg,seg-ter 08:00-09:00", "names a day twice"),
        ("x" * 2000, "too long"),
    ],
)
def test_parse_hours_refuses_with_a_sentence(text, says):
    with pytest.raises(HoursError, match=says) as refusal:
        parse_hours(text)
    assert refusal.value.message % refusal.value.params == str(refusal.value)


# --- Holidays ---------------------------------------------------------------------------------------


def test_national_holidays_of_2026():
    assert sorted(brazil_holidays([2026], carnaval=False, corpus_christi=False).days) == [
        date.fromisoformat(f"2026-{day}")
        for day in ("01-01", "04-03", "04-21", "05-01", "09-07", "10-12", "11-02", "11-15", "11-20", "12-25")
    ]


@pytest.mark.parametrize(
    ("options", "day", "is_holiday"),
    [
        ({}, "2026-11-20", True),
        ({}, "2026-02-16", True),
        ({}, "2026-02-17", True),
        ({"carnaval": False}, "2026-02-16", False),
        ({"carnaval": False}, "2026-02-17", False),
        ({"carnaval": False, "state": "RJ"}, "2026-02-17", True),
        ({}, "2026-06-04", True),
        ({"corpus_christi": False}, "2026-06-04", False),
        ({}, "2026-02-18", False),
        ({"ash_wednesday": True}, "2026-02-18", True),
        ({}, "2026-10-28", False),
        ({}, "2026-07-09", False),
        ({"state": "SP"}, "2026-07-09", True),
        ({"state": "RJ"}, "2026-04-23", True),
        ({"state": "SC"}, "2026-08-16", True),
        ({"municipal": [date(2026, 1, 25)]}, "2026-01-25", True),
        ({"municipal": [date(2026, 1, 25)]}, "2027-01-25", False),
        ({"municipal": [(1, 25)]}, "2027-01-25", True),
        ({"municipal": [(2, 29)]}, "2028-02-29", True),
    ],
)
def test_brazil_holidays(options, day, is_holiday):
    assert (date.fromisoformat(day) in brazil_holidays(range(2026, 2029), **options).days) is is_holiday


def test_holidays_have_names_and_unknown_states_are_refused():
    days = brazil_holidays([2026], state="SP", municipal=[date(2026, 1, 25)])
    assert days.name(date(2026, 2, 17)) == "Carnaval"
    assert days.name(date(2026, 1, 25)) == "Feriado municipal"
    assert days.name(date(2026, 1, 26)) == ""
    with pytest.raises(ValueError, match="unknown state 'XX'"):
        brazil_holidays([2026], state="XX")


@pytest.mark.parametrize(
    ("options", "start", "hours", "end"),
    [
        ({}, "2026-11-19 17:00", 2, "2026-11-23 09:00"),  # Friday 20 November, then the weekend
        ({}, "2026-02-13 17:00", 2, "2026-02-18 09:00"),  # Carnaval
        ({"carnaval": False}, "2026-02-13 17:00", 2, "2026-02-16 09:00"),
        ({}, "2026-06-03 17:00", 2, "2026-06-05 09:00"),  # Corpus Christi
        ({"corpus_christi": False}, "2026-06-03 17:00", 2, "2026-06-04 09:00"),
        ({"state": "SP"}, "2026-07-08 17:00", 2, "2026-07-10 09:00"),
        ({}, "2026-07-08 17:00", 2, "2026-07-09 09:00"),
        ({"state": "RJ"}, "2026-04-22 17:00", 2, "2026-04-24 09:00"),
        ({"municipal": [date(2026, 8, 5)]}, "2026-08-04 17:00", 2, "2026-08-06 09:00"),
        ({"one_off": [date(2026, 8, 5)]}, "2026-08-04 17:00", 2, "2026-08-06 09:00"),
        ({}, "2026-12-24 17:00", 10, "2026-12-28 18:00"),
    ],
)
def test_business_time_over_2026(options, start, hours, end):
    year = calendar(holidays=brazil_holidays([2026], **options))
    assert local(year.add(at(start), hours * 3600)) == end
    assert year.between(at(start), at(end)) == hours * 3600
    assert local(year.add(at(end), -hours * 3600)) == start


def test_holiday_hours_replace_the_weekday_and_a_closing_shuts_both():
    opened = calendar(
        f"{OFFICE}; feriado 10:00-12:00",
        brazil_holidays([2026], one_off=[date(2026, 9, 8)]),
    )
    assert opened.is_open(at("2026-09-07 11:00"))
    assert not opened.is_open(at("2026-09-07 09:00"))
    assert not opened.is_open(at("2026-09-08 11:00"))
    always = calendar("24x7", brazil_holidays([2026], one_off=[date(2026, 9, 8)]))
    assert always.is_open(at("2026-09-07 03:00"))
    assert local(always.next_closing(at("2026-09-07 03:00"))) == "2026-09-08 00:00"


# --- Moments ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "is_open", "opening", "closing"),
    [
        ("2026-08-03 07:59", False, "2026-08-03 08:00", "2026-08-03 12:00"),
        ("2026-08-03 08:00", True, "2026-08-03 08:00", "2026-08-03 12:00"),
        ("2026-08-03 12:00", False, "2026-08-03 13:00", "2026-08-03 18:00"),
        ("2026-08-07 17:59", True, "2026-08-07 17:59", "2026-08-07 18:00"),
        ("2026-08-07 18:00", False, "2026-08-10 08:00", "2026-08-10 12:00"),
    ],
)
def test_open_opening_closing(moment, is_open, opening, closing):
    office = calendar()
    assert office.is_open(at(moment)) is is_open
    assert local(office.next_opening(at(moment))) == opening
    assert local(office.next_closing(at(moment))) == closing


def test_add_ends_at_the_closing_and_zero_stays():
    office = calendar()
    assert local(office.add(at("2026-08-03 17:00"), 3600)) == "2026-08-03 18:00"
    assert local(office.add(at("2026-08-04 09:00"), -3600)) == "2026-08-04 08:00"
    assert local(office.add(at("2026-08-02 09:00"), 0)) == "2026-08-02 09:00"
    assert office.between(at("2026-08-04 09:00"), at("2026-08-03 17:00")) == -2 * 3600


def test_night_shift_belongs_to_the_day_it_begins():
    night = calendar("sex 22:00-06:00")
    assert night.is_open(at("2026-08-08 05:59"))
    assert not night.is_open(at("2026-08-09 05:59"))
    assert local(night.next_closing(at("2026-08-07 23:00"))) == "2026-08-08 06:00"
    assert local(night.add(at("2026-08-07 21:00"), 9 * 3600)) == "2026-08-14 23:00"


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        ("2026-08-06 16:40", 1, "2026-08-07 16:40"),
        ("2026-08-06 16:40", 2, "2026-08-10 16:40"),
        ("2026-08-08 10:00", 1, "2026-08-10 10:00"),
        ("2026-08-08 10:00", 0, "2026-08-10 10:00"),
        ("2026-08-07 10:00", 0, "2026-08-07 10:00"),
        ("2026-08-10 10:00", -1, "2026-08-07 10:00"),
        ("2026-02-13 10:00", 1, "2026-02-18 10:00"),
        ("2026-12-31 20:00", 3, "2027-01-06 20:00"),
    ],
)
def test_add_business_days(start, days, end):
    office = calendar(holidays=brazil_holidays([2026, 2027]))
    assert local(office.add_business_days(at(start), days)) == end


def test_results_are_utc_and_customers_elsewhere_see_their_own_clock():
    closing = calendar().next_closing(at("2026-08-03 14:00"))
    assert closing.tzinfo is UTC
    assert local(closing, ACRE) == "2026-08-03 16:00"
    acre = calendar(zone=ACRE)
    assert not acre.is_open(at("2026-08-03 09:59"))
    assert acre.is_open(at("2026-08-03 10:00"))


def test_moments_without_a_zone_are_refused():
    for ask in (calendar().is_open, calendar().next_opening, lambda moment: calendar().add(moment, 1)):
        with pytest.raises(ValueError, match="zone"):
            ask(datetime(2026, 8, 3))


@pytest.mark.parametrize(
    ("hours", "closings"),
    [
        (WeeklyHours(days=((),) * 8), ()),
        (parse_hours("feriado 8h-9h"), ()),
        (parse_hours(OFFICE), [date(2024, 10, 1) + timedelta(days=day) for day in range(1500)]),
    ],
)
def test_calendar_without_open_time_is_an_error_not_a_loop(hours, closings):
    never = BusinessCalendar(hours, Holidays(closings=frozenset(closings)), SAO_PAULO)
    for ask in (
        lambda: never.next_opening(at("2026-01-01 10:00")),
        lambda: never.next_closing(at("2026-01-01 10:00")),
        lambda: never.add(at("2026-01-01 10:00"), 60),
        lambda: never.add(at("2026-01-01 10:00"), -60),
        lambda: never.add_business_days(at("2026-01-01 10:00"), 1),
        lambda: never.add_business_days(at("2026-01-01 10:00"), -1),
    ):
        with pytest.raises(CalendarError):
            ask()
    assert never.between(at("2026-01-01 10:00"), at("2026-02-01 10:00")) == 0


def test_24x7_never_closes():
    start = at("2026-01-01 10:00")
    assert calendar("24x7").next_closing(start) is None
    assert calendar("24x7").add(start, 86_400 * 1000) == start + timedelta(days=1000)


# --- Clocks that are set forward and back (New York, 8 March and 1 November 2026) ---------------------


def test_skipped_hour_is_not_worked():
    night = calendar("dom 01:30-04:00", zone=NEW_YORK)
    assert night.between(at("2026-03-08 00:00", NEW_YORK), at("2026-03-08 12:00", NEW_YORK)) == 90 * 60
    gap = calendar("dom 02:15-02:45", zone=NEW_YORK)
    assert gap.between(at("2026-03-08 00:00", NEW_YORK), at("2026-03-08 12:00", NEW_YORK)) == 0
    begins_in_gap = calendar("dom 02:30-05:00", zone=NEW_YORK)
    opening = begins_in_gap.next_opening(at("2026-03-07 12:00", NEW_YORK))
    assert opening == datetime(2026, 3, 8, 7, 0, tzinfo=UTC)


def test_repeated_hour_is_worked_twice():
    night = calendar("dom 00:00-03:00", zone=NEW_YORK)
    assert night.between(at("2026-11-01 00:00", NEW_YORK), at("2026-11-01 12:00", NEW_YORK)) == 4 * 3600
    half = calendar("dom 01:15-01:45", zone=NEW_YORK)
    first = half.next_closing(at("2026-11-01 00:00", NEW_YORK))
    assert first == datetime(2026, 11, 1, 5, 45, tzinfo=UTC)
    assert half.next_opening(first) == datetime(2026, 11, 1, 6, 15, tzinfo=UTC)


def test_night_shift_over_a_repeated_hour_and_the_hours_of_the_day_after_count_once():
    hours = WeeklyHours(days=((), (), (), (), (), ((0, 1515),), ((0, 90),), ()))
    both = BusinessCalendar(hours, Holidays(), NEW_YORK)
    start, end = datetime(2026, 10, 31, 4, tzinfo=UTC), datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
    assert both.between(start, end) == (24 * 60 + 90 + 30) * 60
    assert both.next_closing(start) == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)


# --- The oracle: every minute asks the wall clock -----------------------------------------------------------


def oracle_is_open(subject: BusinessCalendar, moment: datetime) -> bool:
    wall = moment.astimezone(subject.timezone)
    for back in (0, 1):
        day = wall.date() - timedelta(days=back)
        if day in subject.holidays.closings:
            continue
        minute = wall.hour * 60 + wall.minute + back * 1440
        intervals = subject.hours.days[7 if day in subject.holidays.days else day.weekday()]
        if any(start <= minute < end for start, end in intervals):
            return True
    return False


@st.composite
def weekly_hours(draw: st.DrawFn) -> WeeklyHours:
    days = []
    for _ in range(8):
        marks = sorted(set(draw(st.lists(st.integers(0, 96), max_size=6))))
        intervals = [(a * 15, b * 15) for a, b in zip(marks[::2], marks[1::2], strict=False)]
        if intervals and draw(st.booleans()):
            intervals[-1] = (intervals[-1][0], 1440 + draw(st.integers(0, 20)) * 15)
        days.append(tuple(interval for interval in intervals if interval[0] < 1440))
    return WeeklyHours(days=tuple(days))


STARTS = {  # zone → days around which clocks change, or a holiday stands
    SAO_PAULO: [date(2026, 2, 14), date(2026, 11, 19), date(2018, 11, 3), date(2018, 2, 17)],
    NEW_YORK: [date(2026, 3, 7), date(2026, 10, 31)],
    ACRE: [date(2026, 9, 6)],
}


@st.composite
def cases(draw: st.DrawFn) -> tuple[BusinessCalendar, datetime, list[bool]]:
    zone = draw(st.sampled_from(list(STARTS)))
    first = draw(st.sampled_from(STARTS[zone]))
    near = st.integers(0, 4).map(lambda step: first + timedelta(days=step))
    named = dict.fromkeys(draw(st.sets(near, max_size=2)), "x")
    days = Holidays(days=named, closings=frozenset(draw(st.sets(near, max_size=1))))
    subject = BusinessCalendar(draw(weekly_hours()), days, zone)
    start = datetime.combine(first, time(), UTC) + timedelta(minutes=draw(st.integers(0, 1440)))
    minutes = [oracle_is_open(subject, start + timedelta(minutes=step)) for step in range(4 * 1440)]
    return subject, start, minutes


@settings(max_examples=60, deadline=None)
@given(cases(), st.data())
def test_agrees_with_a_minute_by_minute_oracle(case, data):
    subject, start, minutes = case
    low = data.draw(st.integers(0, len(minutes)))
    high = data.draw(st.integers(low, len(minutes)))
    first, last = start + timedelta(minutes=low), start + timedelta(minutes=high)
    worked = sum(minutes[low:high])
    assert subject.between(first, last) == worked * 60
    for step in {low, (low + high) // 2} - {len(minutes)}:
        assert subject.is_open(start + timedelta(minutes=step)) is minutes[step]
    if worked:
        open_steps = [step for step in range(low, high) if minutes[step]]
        assert subject.next_opening(first) == start + timedelta(minutes=open_steps[0])
        assert subject.add(first, worked * 60) == start + timedelta(minutes=open_steps[-1] + 1)
        assert subject.add(last, -worked * 60) == start + timedelta(minutes=open_steps[0])
        half = (worked + 1) // 2
        assert subject.add(first, half * 60) == start + timedelta(minutes=open_steps[half - 1] + 1)
        shut_steps = [step for step in range(open_steps[0], len(minutes)) if not minutes[step]]
        if shut_steps:
            assert subject.next_closing(first) == start + timedelta(minutes=shut_steps[0])


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 500_000), st.integers(1, 2_000_000), st.sampled_from(list(STARTS)))
def test_between_undoes_add(offset, seconds, zone):
    office = calendar(f"{OFFICE}; sab 22:00-02:00", brazil_holidays(range(2026, 2029), state="SP"), zone)
    start = datetime(2026, 1, 1, 0, 0, 7, 123_456, tzinfo=UTC) + timedelta(minutes=offset)
    end = office.add(start, seconds)
    assert office.between(start, end) == seconds
    assert office.between(start, office.add(end, -seconds)) == 0
