"""Backups on screen: set up, asked for, watched, downloaded; the alarm stands as a banner (R-429)."""

import asyncio

import pytest
from django.conf import settings as site_conf
from django.core.management import call_command
from django.test import AsyncClient
from django.urls import reverse

from helpdesk.backup import alarm
from helpdesk.backup.scheduled import file_of, folder
from helpdesk.people.models import AuditEntry, Backup, SiteSettings
from helpdesk.people.site import site_settings
from tests.tickets.admin.conftest import enter

pytestmark = pytest.mark.django_db(transaction=True)
LIST, NOW = "admin:people_backup_changelist", "admin:people_backup_now"


@pytest.fixture(autouse=True)
def place(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.ATTACHMENTS_DIR = tmp_path / "attachments"


@pytest.fixture
def good(room) -> Backup:
    """A backup asked for on screen and written by the program."""
    assert room.post(reverse(NOW)).status_code == 302
    call_command("backup", "--due")
    return Backup.objects.get()


def kinds() -> list[str]:
    return list(AuditEntry.objects.order_by("id").values_list("kind", flat=True))


def test_asking_writes_nothing_in_the_request_and_the_page_follows(room, boss):
    # a task with visible progress
    assert room.post(reverse(NOW)).status_code == 302
    backup = Backup.objects.get()
    assert (backup.state, backup.asked_by, folder().exists()) == ("new", boss, False)
    page = room.get(reverse(LIST)).content.decode()
    assert 'hx-trigger="every 2s"' in page
    assert "Começa em instantes" in page
    Backup.objects.update(attempts=1, size=5_000_000)
    state = room.get(reverse("admin:people_backup_state"))
    assert "4,8" in state.content.decode()
    assert "HX-Refresh" not in state
    Backup.objects.update(attempts=0)
    call_command("backup", "--due")
    assert room.get(reverse("admin:people_backup_state"))["HX-Refresh"] == "true"
    page = room.get(reverse(LIST)).content.decode()
    assert "every 2s" not in page
    assert "bom" in page
    assert kinds() == ["backup_asked"]


def test_a_second_one_is_not_asked_for_meanwhile(room):
    room.post(reverse(NOW))
    answer = room.post(reverse(NOW), follow=True)
    assert "Já há um backup em andamento" in answer.content.decode()
    assert Backup.objects.count() == 1
    assert kinds() == ["backup_asked"]


def test_the_archive_is_downloaded_by_administrators_only_and_audited(room, good, person, settings):
    #
    url = reverse("admin:people_backup_download", args=[good.pk])
    assert url in room.get(reverse("admin:people_backup_change", args=[good.pk])).content.decode()
    answer = room.get(url)
    content = b"".join(answer)
    assert content == file_of(good).read_bytes()
    assert answer["Content-Disposition"] == f'attachment; filename="{good.file}"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"].startswith("sandbox")
    for key in settings.ENCRYPTION_KEYS:
        assert key.encode() not in content
    assert kinds()[-1] == "backup_downloaded"
    for name, role, place in (("bruna", "leader", "suporte"), ("dora", "dpo", None)):
        assert enter(person(name, role, place)).get(url).status_code == 403


def test_the_real_server_sends_it_in_pieces(room, good, boss):
    browser = AsyncClient()
    browser.cookies[site_conf.SESSION_COOKIE_NAME] = room.cookies[site_conf.SESSION_COOKIE_NAME].value

    async def fetch() -> bytes:
        answer = await browser.get(reverse("admin:people_backup_download", args=[good.pk]))
        assert answer.is_async
        return b"".join([piece async for piece in answer])

    assert asyncio.run(fetch()) == file_of(good).read_bytes()


@pytest.mark.parametrize("file", ["", "../../etc/passwd", "meu.tar", "presteza-20270310-030000.tar"])
def test_only_an_archive_of_ours_that_is_there_is_sent(room, good, file):
    # A05
    (folder().parent / "meu.tar").write_bytes(b"x")
    (folder() / "meu.tar").write_bytes(b"x")
    Backup.objects.update(file=file)
    assert room.get(reverse("admin:people_backup_download", args=[good.pk])).status_code == 404
    assert "arquivo não existe mais" in room.get(reverse(LIST)).content.decode()


def test_the_schedule_is_set_on_screen(room):
    #
    site_settings()
    url = reverse("admin:people_backup_settings")
    assert room.get(url).status_code == 200
    answer = room.post(url, {"backup_daily": "on", "backup_hour": "22", "backup_keep": "14", "name": "x"})
    assert answer.status_code == 302
    site = SiteSettings.objects.get()
    assert (site.backup_daily, site.backup_hour, site.backup_keep, site.name) == (True, 22, 14, "Presteza")
    page = room.get(reverse(LIST)).content.decode()
    assert "todo dia às 22h, os últimos 14 são guardados" in page
    entry = AuditEntry.objects.get(kind="backup_settings")
    assert (entry.before["backup_keep"], entry.after["backup_keep"]) == (7, 14)


@pytest.mark.parametrize(
    "change", [{"backup_hour": "24"}, {"backup_keep": "0"}, {"backup_keep": "366"}, {"backup_keep": ""}]
)
def test_what_is_no_schedule_is_refused(room, change):
    form = {"backup_daily": "on", "backup_hour": "3", "backup_keep": "7", **change}
    assert room.post(reverse("admin:people_backup_settings"), form).context["form"].errors
    assert AuditEntry.objects.count() == 0


def test_the_alarm_is_a_banner_in_the_set_up_room_until_a_backup_succeeds(room, good, travel):
    #
    SiteSettings.objects.update(backup_daily=True)
    travel(days=2, minutes=1)
    alarm.check_age()
    for page in ("admin:index", "admin:tickets_department_changelist"):
        assert "O último backup bom tem mais de dois dias" in room.get(reverse(page)).content.decode()
    room.post(reverse(NOW))
    call_command("backup", "--due")
    assert "mais de dois dias" not in room.get(reverse("admin:index")).content.decode()


def test_the_list_costs_the_same_for_one_and_for_many(room, good, django_assert_max_num_queries):
    for number in range(9):
        Backup.objects.create(
            state="done", file=f"presteza-2027010{number}-030000.tar", finished_at=good.finished_at
        )
    with django_assert_max_num_queries(12):
        assert room.get(reverse(LIST)).status_code == 200
    with django_assert_max_num_queries(12):
        room.get(reverse("admin:people_backup_change", args=[good.pk]))
