"""R-429: backups the product writes by itself: when, verified, kept, never into the last room of the disk, alarms."""

import shutil
import subprocess
import tarfile
from datetime import UTC, datetime

import pytest

from channels_inbox.models import OutboundMessage
from helpdesk.backup import alarm, scheduled, writing
from helpdesk.backup.archive import Archive
from helpdesk.backup.scheduled import ask_now, file_of, folder, last_good, plan_backup
from helpdesk.backup.tasks import keep_backups
from helpdesk.backup.writing import write_due
from helpdesk.people.models import Backup, SiteSettings, backs_up_by_itself
from helpdesk.people.site import site_settings

pytestmark = pytest.mark.django_db(transaction=True)
THREE = datetime(2027, 3, 10, 6, 0, tzinfo=UTC)  # 3h in São Paulo


@pytest.fixture(autouse=True)
def daily(settings, tmp_path, db):
    settings.DATA_DIR = tmp_path
    settings.ATTACHMENTS_DIR = tmp_path / "attachments"
    (tmp_path / "attachments" / "ab").mkdir(parents=True)
    (tmp_path / "attachments" / "ab" / "nota").write_bytes(b"anexo")
    site_settings()
    SiteSettings.objects.update(backup_daily=True)


@pytest.fixture
def boss(person, settings):
    settings.EMAIL_BACKEND = "channels_inbox.account_mail.OutboxBackend"
    return person("renata", "admin", None)


def files() -> list[str]:
    return sorted(path.name for path in folder().iterdir())


def subjects() -> list[str]:
    rows = OutboundMessage.objects.filter(purpose="notify").order_by("id")
    return list(rows.values_list("subject", flat=True))


# --- when ------------------------------------------------------------------------------------------------


def test_once_a_day_from_its_hour_on_in_the_companys_time(travel):
    #
    travel(to=THREE.replace(hour=5, minute=59))
    assert not plan_backup()
    travel(to=THREE)
    assert plan_backup()
    assert not plan_backup()
    write_due()
    travel(to=THREE.replace(hour=23))
    assert not plan_backup()
    travel(to=THREE.replace(day=11, hour=15))  # the machine was off at 3h: later, not never
    assert plan_backup()
    assert list(Backup.objects.order_by("id").values_list("day", flat=True)) == [
        datetime(2027, 3, 10).date(), datetime(2027, 3, 11).date(),
    ]  # fmt: skip


def test_the_hour_is_the_companys_and_off_is_off(travel):
    SiteSettings.objects.update(timezone="America/Rio_Branco", backup_hour=0)
    travel(to=THREE.replace(hour=4, minute=59))  # 23h59 of the day before
    assert plan_backup()
    assert Backup.objects.get().day == datetime(2027, 3, 9).date()
    SiteSettings.objects.update(backup_daily=False)
    travel(days=2)
    Backup.objects.update(state="dead")
    assert not plan_backup()


@pytest.mark.parametrize("embedded", [True, False])
def test_it_is_on_by_default_where_the_product_brings_the_database(settings, embedded):
    settings.EMBEDDED = embedded
    assert backs_up_by_itself() is embedded
    site = SiteSettings()
    assert (site.backup_daily, site.backup_hour, site.backup_keep) == (embedded, 3, 7)


def test_one_at_a_time(boss, travel):
    travel(to=THREE)
    assert ask_now(boss)
    assert not ask_now(boss)
    assert not plan_backup()  # its turn comes when the other is over
    write_due()
    assert plan_backup()


# --- the file --------------------------------------------------------------------------------------------


def test_the_archive_is_whole_private_and_without_keys(boss, settings):
    # encryption keys travel apart
    assert ask_now(boss)
    assert write_due()
    backup = Backup.objects.get()
    assert backup.state == "done", backup.last_error
    path = file_of(backup)
    assert path is not None
    assert files() == [backup.file]  # nothing half written stays
    assert (backup.size, backup.rows > 10) == (path.stat().st_size, True)
    assert path.stat().st_mode & 0o777 == 0o600
    assert folder().stat().st_mode & 0o777 == 0o700
    archive = Archive(path)
    archive.refuse_unless_as_told()
    assert "files/ab/nota" in archive.manifest["members"]
    for key in settings.ENCRYPTION_KEYS:
        assert key.encode() not in path.read_bytes()
    assert not write_due()


def test_an_archive_that_is_not_what_its_manifest_tells_is_refused(tmp_path, monkeypatch):
    # verified before it has its name
    add = tarfile.TarFile.addfile

    def forget(self, info, source=None):
        return None if info.name.startswith("files/") else add(self, info, source)

    monkeypatch.setattr(tarfile.TarFile, "addfile", forget)
    ask_now(None)
    write_due()
    backup = Backup.objects.get()
    assert backup.state == "new"  # it is tried again
    assert "danificado" in backup.last_error or "damaged" in backup.last_error
    assert files() == []


def test_what_a_killed_attempt_left_goes_and_foreign_files_stay(boss):
    # never deletes foreign files
    folder().mkdir()
    left = [
        ".presteza-20260101-030000.tar.unverified",
        "..presteza-20260101-030000.tar.unverified.77.partial",
    ]
    foreign = [
        "presteza-20260101-030000.tar",
        "meu.tar",
        ".presteza-x.unverified",
        "presteza-20260101-030000.tar.gpg",
    ]
    for name in [*left, *foreign]:
        (folder() / name).write_bytes(b"x")
    SiteSettings.objects.update(backup_keep=1)
    for _ in range(2):
        ask_now(boss)
        write_due()
    newest = Backup.objects.get()
    assert files() == sorted([*foreign, newest.file])


def test_as_many_as_asked_for_are_kept(boss, travel):
    # count to keep
    SiteSettings.objects.update(backup_keep=2)
    for day in range(4):
        travel(to=THREE.replace(day=10 + day))
        assert plan_backup()
        assert write_due()
    assert files() == ["presteza-20270312-030000.tar", "presteza-20270313-030000.tar"]
    assert [row.file for row in Backup.objects.order_by("id")] == files()


def test_a_name_is_never_taken_twice(boss, travel, monkeypatch):
    moment = THREE
    monkeypatch.setattr(scheduled, "app_now", lambda: moment)
    for _ in range(2):
        ask_now(boss)
        write_due()
    assert files() == ["presteza-20270310-030000-2.tar", "presteza-20270310-030000.tar"]


# --- faults ----------------------------------------------------------------------------------------------


def disk(monkeypatch, free: int) -> None:
    usage = shutil.disk_usage("/")._replace(total=100 * 1024**3, free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)


def test_a_full_disk_is_an_alarm_and_nothing_more(boss, monkeypatch):
    # the last room of the disk is the database's
    with monkeypatch.context() as full:
        disk(full, writing.LEAST_FREE - 1)
        ask_now(boss)
        assert write_due()
    backup = Backup.objects.get()
    assert backup.state == "dead"
    assert files() == []
    assert SiteSettings.objects.get().backup_alarm == "disk"
    assert subjects() == ["Não há backup recente"]
    ask_now(boss)
    write_due()
    assert SiteSettings.objects.get().backup_alarm == ""
    assert subjects() == ["Não há backup recente", "Os backups voltaram a funcionar"]


def test_a_disk_that_fills_meanwhile_stops_the_backup(boss, monkeypatch):
    monkeypatch.setattr(writing, "EVERY_SECONDS", 0.0)
    renewed = []
    hold = writing.Holding.renew

    def renew(self) -> None:
        renewed.append(1)
        if len(renewed) == 20:
            disk(monkeypatch, 1)
        hold(self)

    monkeypatch.setattr(writing.Holding, "renew", renew)
    ask_now(boss)
    write_due()
    assert (Backup.objects.get().state, len(renewed), files()) == ("dead", 20, [])
    assert SiteSettings.objects.get().backup_alarm == "disk"


def test_a_writer_whose_lease_is_gone_leaves_nothing(boss, monkeypatch):
    # reliability 1.2: fencing
    monkeypatch.setattr(writing, "EVERY_SECONDS", 0.0)
    hold = writing.Holding.renew

    def robbed(self) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute("UPDATE people_backup SET lease_token = gen_random_uuid()")
        hold(self)

    monkeypatch.setattr(writing.Holding, "renew", robbed)
    ask_now(boss)
    assert write_due()
    assert Backup.objects.get().state == "new"
    assert files() == []
    assert SiteSettings.objects.get().backup_alarm == ""


def test_a_killed_writer_is_followed_by_another(boss, travel, monkeypatch):
    # I6
    ask_now(boss)
    assert Backup.objects.all().claim(1)
    assert not write_due()
    monkeypatch.setattr(scheduled, "start_writing", lambda: None)
    travel(minutes=11)
    keep_backups()
    assert write_due()
    assert Backup.objects.get().state == "done"


def test_a_place_that_cannot_be_written_is_told_and_tried_again(boss):
    folder().write_bytes(b"a file where the folder should be")
    ask_now(boss)
    assert write_due()
    backup = Backup.objects.get()
    assert (backup.state, bool(backup.last_error)) == ("new", True)


# --- the alarm -------------------------------------------------------------------------------------------


def test_two_days_without_a_good_backup_are_an_alarm_until_one_succeeds(boss, travel):
    #
    ask_now(boss)
    write_due()
    travel(hours=47, minutes=59)
    alarm.check_age()
    assert subjects() == []
    travel(minutes=2)
    for _ in range(3):
        alarm.check_age()
    assert subjects() == ["Não há backup recente"]  # told once
    assert SiteSettings.objects.get().backup_alarm == "old"
    ask_now(boss)
    write_due()
    alarm.check_age()
    assert SiteSettings.objects.get().backup_alarm == ""
    assert len(subjects()) == 2


def test_a_backup_whose_file_is_gone_is_no_backup(boss, travel):
    ask_now(boss)
    write_due()
    shutil.rmtree(folder())
    assert last_good() is None
    travel(days=2, minutes=1)
    alarm.check_age()
    assert SiteSettings.objects.get().backup_alarm == "old"


def test_who_writes_none_by_itself_has_no_alarm(boss, travel):
    ask_now(boss)
    write_due()
    travel(days=3)
    alarm.check_age()
    SiteSettings.objects.update(backup_daily=False)
    alarm.check_age()
    assert SiteSettings.objects.get().backup_alarm == ""


def test_a_new_installation_is_not_alarmed_before_its_first_backup(boss):
    alarm.check_age()
    assert SiteSettings.objects.get().backup_alarm == ""


# --- the program -----------------------------------------------------------------------------------------


def test_the_worker_starts_a_program_only_when_something_is_asked_for(boss, monkeypatch):
    started = []

    class Program:
        def __init__(self, words, **how) -> None:
            started.append(words[-2:])
            assert how["start_new_session"]

        def wait(self, seconds: float) -> None:
            raise subprocess.TimeoutExpired("x", seconds)  # a large one goes on alone

    monkeypatch.setattr(subprocess, "Popen", Program)
    scheduled.start_writing()
    assert started == []
    ask_now(boss)
    scheduled.start_writing()
    assert started == [["backup", "--due"]]
