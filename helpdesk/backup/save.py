"""Decides what a backup holds: one snapshot of every table, the sequences, the attachments, the manifest."""

import errno
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from helpdesk.backup.archive import ArchiveWriter, nothing, written_whole
from helpdesk.backup.keys import key_fingerprints
from helpdesk.backup.migrations import applied_heads
from helpdesk.backup.tables import dump_sequences, dumped_table, list_tables
from helpdesk.embedded.language import Refusal
from helpdesk.embedded.language import gettext as _
from helpdesk.embedded.locations import full_disk


def save_backup(path: Path, *, check: Callable[[], None] = nothing) -> dict[str, Any]:
    """Write the archive while the desk may run (R-429); the manifest. Raises Refusal: no room, not writable.

    `check` is called before each piece that is written, and stops the backup by raising.
    """
    try:
        with written_whole(path) as handle:
            writer = ArchiveWriter(handle, check=check)
            manifest = _save_database(writer, str(path.parent), check)
            _save_files(writer)
            writer.finish(manifest)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise full_disk(path.parent) from error
        raise Refusal(
            _("The backup %(path)s cannot be written (%(reason)s).")
            % {"path": path, "reason": error.strerror or error}
        ) from error
    return manifest | {"members": writer.members}


def _save_database(writer: ArchiveWriter, place: str, check: Callable[[], None]) -> dict[str, Any]:
    tables = {}
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SET LOCAL statement_timeout = 0; SET LOCAL synchronize_seqscans = off")
        cursor.execute("SET LOCAL datestyle = 'ISO'; SET LOCAL intervalstyle = 'postgres'")
        heads = applied_heads()
        for table in list_tables(cursor):
            with dumped_table(cursor, table, place, check) as (spool, facts):
                size = spool.seek(0, 2)
                spool.seek(0)
                writer.add(f"database/{table.name}.gz", spool, size)
            tables[table.name] = facts
        sequences = dump_sequences(cursor)
        cursor.execute("SHOW server_version")
        (version,) = cursor.fetchone()
    return {
        "product": "Presteza",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "postgres": version,
        "migrations": heads,
        "key_fingerprints": key_fingerprints(),
        "tables": tables,
        "sequences": sequences,
    }


def _save_files(writer: ArchiveWriter) -> None:
    """After the snapshot, so that every file it speaks of is there; one erased since then is left out."""
    root = Path(settings.ATTACHMENTS_DIR)
    for path in sorted(root.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        try:
            source = path.open("rb")
        except FileNotFoundError:
            continue
        with source:
            writer.add(f"files/{path.relative_to(root).as_posix()}", source, path.stat().st_size)
