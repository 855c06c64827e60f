"""Decides which backups the product writes by itself, where they lie, and which of them go (R-429).

They lie in `backups/` of the data directory, appear under their name only when they are whole and verified, and never
take the last room of the disk, which may be the database's. Only files this module wrote are ever deleted.
"""

import re
import subprocess
import sys
from contextlib import suppress
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import IntegrityError, transaction

from helpdesk.lib.clock import app_now
from helpdesk.people.models import Backup, User
from helpdesk.people.site import site_settings

KEPT_FAILURES = 10
_NAME = re.compile(r"presteza-\d{8}-\d{6}(-\d+)?\.tar")
_LEFTOVER = re.compile(rf"\.{{1,2}}{_NAME.pattern}\.unverified(\.\d+\.partial)?")
_WAIT_SECONDS = 20


def folder() -> Path:
    """Where the backups lie."""
    return Path(settings.DATA_DIR) / "backups"


def file_of(backup: Backup) -> Path | None:
    """Return the archive of a good backup; nothing when it is gone, or was never one of ours."""
    if backup.state != Backup.DONE or not _NAME.fullmatch(backup.file):
        return None
    path = folder() / backup.file
    return path if path.is_file() and not path.is_symlink() else None


def last_good() -> Backup | None:
    """Return the newest backup whose file is there."""
    done = Backup.objects.filter(state=Backup.DONE).order_by("-finished_at")
    return next((backup for backup in done if file_of(backup)), None)


def plan_backup() -> bool:
    """Ask for the day's backup once its hour has come, also when the machine was off then; True when it was asked."""
    site = site_settings()
    here = app_now().astimezone(ZoneInfo(site.timezone))
    if not site.backup_daily or here.hour < site.backup_hour:
        return False
    if Backup.objects.filter(day=here.date()).exists():
        return False
    return _add(Backup(day=here.date()))


def ask_now(actor: User) -> bool:
    """Ask for a backup out of turn; False while one is being written."""
    return _add(Backup(asked_by=actor))


def _add(backup: Backup) -> bool:
    """Add the row unless another waits or is being written: the constraint decides."""
    try:
        with transaction.atomic():
            backup.save(force_insert=True)
    except IntegrityError:
        return False
    return True


def start_writing() -> None:
    """Start the program that writes the backups asked for; it outlives the worker and its limits."""
    if not Backup.objects.all().due().exists():
        return
    program = [sys.executable, str(settings.BASE_DIR / "manage.py"), "backup", "--due"]
    started = subprocess.Popen(program, stdin=subprocess.DEVNULL, start_new_session=True)
    with suppress(subprocess.TimeoutExpired):
        started.wait(_WAIT_SECONDS)


def new_name() -> str:
    """Return a file name that tells when, in the company's time, and is not taken."""
    here = app_now().astimezone(ZoneInfo(site_settings().timezone))
    stem = f"presteza-{here:%Y%m%d-%H%M%S}"
    names = (f"{stem}{suffix}.tar" for suffix in ("", *(f"-{number}" for number in range(2, 1000))))
    return next(name for name in names if not (folder() / name).exists())


def remove_leftovers() -> None:
    """Delete what a killed attempt left half written."""
    for path in folder().iterdir():
        if _LEFTOVER.fullmatch(path.name):
            path.unlink(missing_ok=True)


def prune() -> int:
    """Keep as many good backups as the settings say, and a few failures; return how many good ones went."""
    keep = site_settings().backup_keep
    good = list(Backup.objects.filter(state=Backup.DONE).order_by("-finished_at", "-id"))
    gone = [backup for backup in good if file_of(backup) is None]
    old = [backup for backup in good if backup not in gone][keep:]
    for backup in old:
        path = file_of(backup)
        if path:
            path.unlink(missing_ok=True)
    failed = Backup.objects.filter(state=Backup.DEAD).order_by("-id").values_list("pk", flat=True)
    unwanted = [each.pk for each in [*old, *gone]] + list(failed[KEPT_FAILURES:])
    # A day stays taken by its row: the day's backup is never deleted before the day is over.
    Backup.objects.filter(pk__in=unwanted).exclude(day=_today()).delete()
    return len(old)


def _today() -> date:
    return app_now().astimezone(ZoneInfo(site_settings().timezone)).date()
