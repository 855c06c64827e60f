"""Decides how a backup that was asked for is written: under a lease, verified before it has its name (R-429)."""

import logging
import shutil
import time
from pathlib import Path
from typing import Any

from django.db import connection

from helpdesk.backup.alarm import end_alarm, raise_alarm
from helpdesk.backup.archive import Archive
from helpdesk.backup.save import save_backup
from helpdesk.backup.scheduled import folder, last_good, new_name, prune, remove_leftovers
from helpdesk.embedded.locations import FullDisk, require_space
from helpdesk.lib.clock import AppNow
from helpdesk.lib.disk import sync_folder
from helpdesk.lib.durable import LeaseLost
from helpdesk.people.models import Backup, BackupAlarm

logger = logging.getLogger(__name__)
LEASE_MINUTES = 10  # a disk may take long over its last flush; nobody waits for a second attempt
EVERY_SECONDS = 2.0
LEAST_FREE = 2 * 1024**3
HOLD = """
UPDATE people_backup SET size = %s, lease_until = app_now() + %s * interval '1 minute',
  next_at = app_now() + %s * interval '1 minute' WHERE id = %s AND lease_token = %s
"""


def write_due() -> bool:
    """Write the backup that is asked for, if any; True when there was one. What it came to stands in its row."""
    for backup in Backup.objects.all().claim(1):
        try:
            _write(backup)
        except LeaseLost:
            logger.warning("backup %s: lease lost", backup.pk)
        except FullDisk as error:
            backup.fail(str(error), permanent=True)
            raise_alarm(BackupAlarm.DISK)
        except Exception as error:
            logger.exception("backup %s failed", backup.pk)
            backup.fail(str(error) or type(error).__name__)
        return True
    return False


def _write(backup: Backup) -> None:
    place = folder()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    remove_leftovers()
    earlier, name = last_good(), new_name()
    require_space(place, wanted=reserve(place) + (earlier.size if earlier else 0))
    partial = place / f".{name}.unverified"
    holding = Holding(backup, partial)
    try:
        manifest = save_backup(partial, check=holding)
        holding.renew()
        Archive(partial).refuse_unless_as_told()
        size, rows = partial.stat().st_size, sum(facts["rows"] for facts in manifest["tables"].values())
        partial.replace(place / name)
        sync_folder(place)
        backup.finish(file=name, size=size, rows=rows, finished_at=AppNow(), last_error="")
    except LeaseLost:
        (place / name).unlink(missing_ok=True)
        raise
    finally:
        partial.unlink(missing_ok=True)
        holding.close()
    prune()
    end_alarm()


def reserve(place: Path) -> int:
    """How much of the disk stays free whatever happens: the database lives on it in embedded mode."""
    return min(LEAST_FREE, shutil.disk_usage(place).total // 20)


class Holding:
    """Called between the pieces: holds the lease, shows how much is written, and stops before the disk is full.

    It speaks through a connection of its own, because the backup's one is inside its snapshot.
    """

    def __init__(self, backup: Backup, partial: Path) -> None:
        self.backup, self.partial, self.next = backup, partial, 0.0
        self.reserve = reserve(partial.parent)
        self.connection = connection.copy()

    def __call__(self) -> None:
        if time.monotonic() >= self.next:
            self.renew()

    def renew(self) -> None:
        """Hold the lease on. Raises `LeaseLost`, `FullDisk`."""
        self.next = time.monotonic() + EVERY_SECONDS
        require_space(self.partial.parent, wanted=self.reserve)
        written = sum(path.stat().st_size for path in self.partial.parent.glob(f"*{self.partial.name}*"))
        facts: list[Any] = [
            written,
            LEASE_MINUTES,
            LEASE_MINUTES,
            self.backup.pk,
            str(self.backup.lease_token),
        ]
        with self.connection.cursor() as cursor:
            cursor.execute(HOLD, facts)
            if cursor.rowcount != 1:
                raise LeaseLost(f"backup {self.backup.pk}")

    def close(self) -> None:
        self.connection.close()
