"""Decides what a restore does and refuses.

Whole or not at all, never over data unasked, and silent towards customers.
"""

import os
import shutil
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import Error, OperationalError, connection, transaction

from helpdesk.backup.archive import Archive
from helpdesk.backup.keys import key_fingerprints
from helpdesk.backup.migrations import migrate_to, refuse_newer_heads
from helpdesk.backup.tables import (
    Table,
    drop_everything,
    list_tables,
    load_sequences,
    load_table,
    open_to_copy,
)
from helpdesk.embedded.language import Refusal
from helpdesk.embedded.language import gettext as _
from helpdesk.people.models import Backup
from helpdesk.people.site import site_settings


def load_backup(path: Path, *, replace: bool = False) -> dict[str, Any]:
    """Restore the archive (R-429); its manifest. Raises Refusal, and then the database is as it was.

    Everything happens in one transaction: another PostgreSQL, an older schema (migrated up afterwards) and a
    database in use by nobody else are fine; a newer or damaged archive, or data unless `replace`, are not.
    """
    archive = Archive(path)
    refuse_newer_heads(archive.manifest["migrations"])
    try:
        with transaction.atomic(durable=True), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '10s'")
            cursor.execute(
                "SET CONSTRAINTS ALL IMMEDIATE"
            )  # else migrations in one transaction wait on checks
            _make_room(cursor, replace=replace)
            migrate_to(archive.manifest["migrations"])
            _load_database(cursor, archive)
            migrate_to(None)
            _pause_outgoing()
            _begin_backups_anew()
            _load_files(archive)
    except OperationalError as error:
        raise Refusal(
            _("The database cannot be restored (%(reason)s); stop web and worker first.")
            % {"reason": _first_line(error)}
        ) from error
    except Error as error:
        raise Refusal(
            _("The database cannot be restored (%(reason)s); nothing was changed.")
            % {"reason": _first_line(error)}
        ) from error
    call_command("migrate", verbosity=0)  # content types and permissions of what is newer than the archive
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0; ANALYZE; RESET statement_timeout")
    _remove_other_files(archive)
    return archive.manifest


def missing_keys(manifest: dict[str, Any]) -> bool:
    """True when the archive's secrets were encrypted with keys this installation does not have."""
    return not set(manifest["key_fingerprints"]) <= set(key_fingerprints())


def _make_room(cursor: Any, *, replace: bool) -> None:
    """Clear the database.

    Without `replace` only one that holds no person yet (just migrated, or nothing at all).
    """
    tables = {table.name for table in list_tables(cursor)}
    if not replace and tables:
        occupied = "people_user" not in tables
        if not occupied:
            cursor.execute("SELECT EXISTS (SELECT 1 FROM people_user)")
            (occupied,) = cursor.fetchone()
        if occupied:
            raise Refusal(_("The database is not empty; --replace puts the backup in the place of its data."))
    drop_everything(cursor)


def _load_database(cursor: Any, archive: Archive) -> None:
    wanted = {
        name: Table(name, tuple(facts["columns"])) for name, facts in archive.manifest["tables"].items()
    }
    present = {table.name: set(table.columns) for table in list_tables(cursor)}
    strange = sorted(
        name for name, table in wanted.items() if not set(table.columns) <= present.get(name, set())
    )
    if strange:
        raise Refusal(
            _("The backup has a table this version does not know: %(name)s.") % {"name": strange[0]}
        )
    with open_to_copy(cursor, list_tables(cursor)):
        for name, table in wanted.items():
            with archive.open(f"database/{name}.gz") as packed:
                rows = load_table(cursor, table, packed)
            if rows != archive.manifest["tables"][name]["rows"]:
                raise Refusal(
                    _("%(path)s is damaged or incomplete; nothing was changed.") % {"path": archive.path}
                )
    load_sequences(cursor, archive.manifest["sequences"])


def _pause_outgoing() -> None:
    """A copy writes to nobody until an admin says on screen that this is the installation in use."""
    site = site_settings()
    site.outgoing_paused = True
    site.save(update_fields=["outgoing_paused"])


def _begin_backups_anew() -> None:
    """The backup that was being written is this very archive, and its day is not yet kept by this installation."""
    lost = _("The installation was restored meanwhile.")
    Backup.objects.filter(state=Backup.WAITING).update(state=Backup.DEAD, lease_token=None, last_error=lost)
    Backup.objects.exclude(day=None).update(day=None)


def _load_files(archive: Archive) -> None:
    """Before the commit: files too many do no harm, a row without its file would."""
    root = Path(settings.ATTACHMENTS_DIR)
    for name in archive.files():
        target = root / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = target.with_name(f"{target.name}.restoring")
        with archive.open(f"files/{name}") as source, partial.open("wb") as copy:
            os.fchmod(copy.fileno(), 0o600)
            shutil.copyfileobj(source, copy)
            os.fsync(copy.fileno())
        partial.replace(target)


def _remove_other_files(archive: Archive) -> None:
    root = Path(settings.ATTACHMENTS_DIR)
    kept = {root / name for name in archive.files()}
    for path in list(root.rglob("*")):
        if path.is_file() and path not in kept:
            path.unlink()


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
