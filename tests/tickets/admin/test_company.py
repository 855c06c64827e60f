"""Company options and departments: what is typed is checked, stored, audited and used at once."""

from datetime import date

import pytest
import redis
from django.urls import reverse

from channels_inbox import outbox
from channels_inbox.models import Channel, OutboundMessage
from channels_inbox.tasks import poll_channels
from helpdesk.lib.clock import app_now
from helpdesk.people.models import AuditEntry, SiteSettings, User
from helpdesk.people.site import site_settings
from tickets.calendars import calendar_of, holidays_of
from tickets.models import Department, Membership

pytestmark = pytest.mark.django_db

COMPANY = {"name": "Aroeira Sistemas", "timezone": "America/Manaus", "state": "SP", "carnaval": "on"}


@pytest.fixture
def company(room):
    """Post the company form; returns the answer."""
    site_settings()
    url = reverse("admin:people_sitesettings_change", args=[1])
    return lambda **changes: room.post(url, {**COMPANY, **changes})


def test_options_are_saved_and_audited(company):
    answer = company(
        dpo_contact="dados@aroeira.example", municipal_holidays="25/01\n 20/11/2026", closings="02/01/2027"
    )
    assert answer.status_code == 302
    site = SiteSettings.objects.get()
    assert (site.name, site.timezone, site.state) == ("Aroeira Sistemas", "America/Manaus", "SP")
    assert (site.municipal_holidays, site.closings) == (["01-25", "2026-11-20"], ["2027-01-02"])
    assert (site.carnaval, site.corpus_christi) == (True, False)
    entry = AuditEntry.objects.get(kind="sitesettings_changed")
    assert entry.before["timezone"] == "America/Sao_Paulo"
    assert entry.after["timezone"] == "America/Manaus"


def test_a_yearly_municipal_day_is_a_holiday_every_year(company):
    # a municipal date
    company(municipal_holidays="25/01")
    this_year = app_now().year
    days = holidays_of(SiteSettings.objects.get(), near=app_now()).days
    assert [days.get(date(year, 1, 25)) for year in (this_year, this_year + 1)] == ["Feriado municipal"] * 2


@pytest.mark.parametrize(
    "line", ["31/02/2026", "amanhã", "2026-01-25", "25/13", "1/1/1", "٢٥/٠١/٢٠٢٦x", "25/01/2026 \x00"]
)
def test_a_line_that_is_no_date_is_refused_by_name(company, line):
    answer = company(municipal_holidays=f"25/01\n{line}")
    assert answer.status_code == 200
    assert "municipal_holidays" in answer.context["errors"].as_data().__str__() or answer.context["errors"]
    assert SiteSettings.objects.get().municipal_holidays == []


def test_one_off_closings_need_their_year(company):
    assert company(closings="02/01").status_code == 200
    assert SiteSettings.objects.get().closings == []


@pytest.mark.parametrize("field", ["timezone", "state"])
def test_an_unknown_place_is_refused(company, field):
    assert company(**{field: "Nowhere/Land"}).status_code == 200
    assert getattr(SiteSettings.objects.get(), field) != "Nowhere/Land"


def test_the_page_shows_the_holidays_to_come(company, room):
    company()
    page = room.get(reverse("admin:people_sitesettings_change", args=[1])).content.decode()
    assert "Natal" in page


def test_extra_fields_change_nothing(company):
    # A09
    company(outgoing_paused="on", guard_profile="rigoroso", preset="x", id="7", pk="7")
    site = SiteSettings.objects.get()
    assert (site.pk, site.outgoing_paused, site.guard_profile, site.preset) == (1, False, "leve", "essencial")


def test_a_restored_copy_sends_nothing_until_somebody_says_it_is_the_one(room, arrive):
    #
    arrive()
    SiteSettings.objects.update(outgoing_paused=True)
    channel = Channel.objects.get(key="email-suporte")
    Channel.objects.update(sending_paused_until=app_now())
    waiting = OutboundMessage.objects.filter(state="queued").count()
    assert waiting == 1
    assert outbox.deliver_due() == 0
    page = room.get(reverse("admin:index")).content.decode()
    url = reverse("admin:people_sitesettings_in_use", args=[1])
    assert url in page
    assert room.get(url).status_code == 405
    assert room.post(url).status_code == 302
    assert not SiteSettings.objects.get().outgoing_paused
    channel.refresh_from_db()
    assert channel.sending_paused_until is None
    assert AuditEntry.objects.filter(kind="sitesettings_in_use").count() == 1
    assert url not in room.get(reverse("admin:index")).content.decode()
    room.post(url)  # twice changes nothing
    assert AuditEntry.objects.filter(kind="sitesettings_in_use").count() == 1


DEPARTMENT = {"name": "Fiscal", "key": "fiscal", "hours": "seg-sex 08:00-12:00,13:00-18:00", "active": "on"}


def save_department(room, department=None, **changes):
    page = "change" if department else "add"
    args = [department.pk] if department else []
    return room.post(reverse(f"admin:tickets_department_{page}", args=args), {**DEPARTMENT, **changes})


def test_a_department_is_added_and_its_key_stays(room):
    assert save_department(room).status_code == 302
    fiscal = Department.objects.get(key="fiscal")
    assert save_department(room, fiscal, key="outro", name="Fiscal e notas").status_code == 302
    fiscal.refresh_from_db()
    assert (fiscal.key, fiscal.name) == ("fiscal", "Fiscal e notas")
    assert list(AuditEntry.objects.filter(kind__startswith="department").values_list("kind", flat=True)) == [
        "department_changed",
        "department_added",
    ]


def test_hours_nobody_can_read_are_refused_with_the_sentence(room):
    answer = save_department(room, hours="segunda de manhã")
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors["hours"]
    assert not Department.objects.filter(key="fiscal").exists()


def test_a_department_may_have_hours_and_zone_of_its_own(room):
    save_department(room, timezone="America/Rio_Branco", hours="sab 09:00-13:00")
    calendar = calendar_of(Department.objects.get(key="fiscal"), site=site_settings(), near=app_now())
    assert str(calendar.timezone) == "America/Rio_Branco"


def test_there_is_always_one_default_department(room):
    before = Department.objects.get(is_default=True)
    answer = save_department(room, is_default="on")
    assert answer.status_code == 302, answer.context["errors"]
    assert Department.objects.get(is_default=True).key == "fiscal"
    fiscal = Department.objects.get(key="fiscal")
    assert save_department(room, fiscal).status_code == 200  # nobody else would be the default
    assert save_department(room, fiscal, is_default="on", active="").status_code == 200
    assert Department.objects.get(is_default=True) == fiscal
    assert before.pk != fiscal.pk


def test_only_a_department_nobody_uses_is_deleted(room, arrive):
    arrive()
    save_department(room)
    fiscal, support = Department.objects.get(key="fiscal"), Department.objects.get(key="suporte")
    url = reverse("admin:tickets_department_delete", args=[support.pk])
    assert room.post(url, {"post": "yes"}).status_code == 403
    assert (
        room.post(reverse("admin:tickets_department_delete", args=[fiscal.pk]), {"post": "yes"}).status_code
        == 302
    )
    assert list(Department.objects.filter(pk__in=[fiscal.pk, support.pk])) == [support]
    assert AuditEntry.objects.filter(kind="department_removed", subject="Fiscal").exists()


def test_a_department_with_people_is_not_deleted(room):
    save_department(room)
    fiscal = Department.objects.get(key="fiscal")
    Membership.objects.create(
        user=User.objects.create_user("x@equipe.example"), role="agent", department=fiscal
    )
    assert (
        room.post(reverse("admin:tickets_department_delete", args=[fiscal.pk]), {"post": "yes"}).status_code
        == 403
    )


def queued_polls(settings) -> int:
    with redis.from_url(settings.REDIS_URL) as broker:
        return broker.llen(f"{settings.KEY_PREFIX}:poll")


def test_a_restored_copy_fetches_nothing_either(room, settings):
    #
    mailbox = Channel.objects.filter(key="email-suporte")
    mailbox.update(options={"access": "password", "imap_host": "imap.example"})
    site_settings()
    SiteSettings.objects.update(outgoing_paused=True)
    before = queued_polls(settings)
    poll_channels()
    assert queued_polls(settings) == before
    room.post(reverse("admin:people_sitesettings_in_use", args=[1]))
    poll_channels()
    assert queued_polls(settings) == before + 1
