"""When a department is open, and how a moment and a target are said to a customer (R-019, R-403, R-404, R-413)."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation

from helpdesk.people.site import site_settings
from tickets.calendars import calendar_of, first_reply_words, holidays_of, spoken_moment
from tickets.models import Department

SAO_PAULO, RIO_BRANCO = ZoneInfo("America/Sao_Paulo"), ZoneInfo("America/Rio_Branco")
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=SAO_PAULO)  # a Tuesday

MOMENTS = [
    (datetime(2026, 11, 24, 14, 0, tzinfo=SAO_PAULO), "hoje às 14h", "today at"),
    (datetime(2026, 11, 24, 16, 40, tzinfo=SAO_PAULO), "hoje às 16h40", "today at"),
    (datetime(2026, 11, 25, 8, 0, tzinfo=SAO_PAULO), "amanhã às 8h", "tomorrow at"),
    (datetime(2026, 11, 30, 8, 0, tzinfo=SAO_PAULO), "segunda, 30/11, às 8h", "monday, 30/11"),
    (datetime(2027, 1, 4, 8, 0, tzinfo=SAO_PAULO), "segunda, 04/01/2027, às 8h", "monday, 04/01/2027"),
]


@pytest.mark.parametrize(("moment", "portuguese", "english"), MOMENTS)
def test_moments_are_said_in_both_languages(moment, portuguese, english):
    #
    with translation.override("pt-br"):
        assert spoken_moment(moment, now=NOW, zone=SAO_PAULO) == portuguese
    with translation.override("en"):
        said = spoken_moment(moment, now=NOW, zone=SAO_PAULO)
        assert said.lower().startswith(english)
        assert "às" not in said


def test_the_same_moment_is_another_day_elsewhere():
    # 0h30 in São Paulo is still the evening before in Acre
    moment = datetime(2026, 11, 25, 0, 30, tzinfo=SAO_PAULO)
    with translation.override("pt-br"):
        assert spoken_moment(moment, now=NOW, zone=SAO_PAULO) == "amanhã às 0h30"
        assert spoken_moment(moment, now=NOW, zone=RIO_BRANCO) == "hoje às 22h30"


@pytest.mark.parametrize(
    ("target", "portuguese"),
    [
        ({}, ""),
        ({"minutes": 0}, ""),
        ({"minutes": 15}, "em até 15 minutos"),
        ({"minutes": 60}, "em até 1 hora útil"),
        ({"minutes": 240}, "em até 4 horas úteis"),
        ({"minutes": 90}, "em até 90 minutos"),
        ({"seconds": 30}, "em até 30 segundos"),
    ],
)
def test_targets_are_said_in_words(target, portuguese):
    #
    with translation.override("pt-br"):
        assert first_reply_words(target) == portuguese
    with translation.override("en"):
        assert bool(first_reply_words(target)) == bool(portuguese)


def test_half_day_targets_name_no_number():
    with translation.override("pt-br"):
        assert first_reply_words({"rule": "half_day"})
        assert not any(char.isdigit() for char in first_reply_words({"rule": "half_day"}))


@pytest.mark.django_db
def test_a_department_keeps_its_own_hours_zone_and_the_companys_holidays(desk):
    #
    department, site = Department.objects.get(key="suporte"), site_settings()
    department.hours = "seg-sex 08:00-12:00,13:00-18:00"
    open_at = calendar_of(department, site=site, near=NOW).is_open
    assert open_at(datetime(2026, 11, 24, 8, 0, tzinfo=SAO_PAULO))
    assert not open_at(datetime(2026, 11, 24, 12, 30, tzinfo=SAO_PAULO))  # the break
    assert not open_at(datetime(2026, 11, 20, 10, 0, tzinfo=SAO_PAULO))  # Consciência Negra
    department.timezone = "America/Rio_Branco"
    assert not calendar_of(department, site=site, near=NOW).is_open(datetime(2026, 11, 24, 8, 0, tzinfo=SAO_PAULO))
    site.state, site.municipal_holidays, site.closings = "SP", ["01-25", "2026-08-20"], ["2026-12-28"]
    department.timezone = ""
    closed = calendar_of(department, site=site, near=NOW)
    for month, day in ((7, 9), (8, 20), (12, 28), (2, 16)):
        assert not closed.is_open(datetime(2026, month, day, 10, 0, tzinfo=SAO_PAULO)), (month, day)
    site.carnaval = False
    assert calendar_of(department, site=site, near=NOW).is_open(datetime(2026, 2, 16, 10, 0, tzinfo=SAO_PAULO))


@pytest.mark.django_db
def test_holidays_are_those_around_the_moment_asked_for(desk):
    # a process that runs since last year knows next year's days
    site = site_settings()
    for year in (2026, 2031):
        near = datetime(year, 6, 1, tzinfo=SAO_PAULO)
        days = holidays_of(site, near=near).days
        assert {day.year for day in days} == {year - 1, year, year + 1, year + 2}
