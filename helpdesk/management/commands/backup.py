"""`./hd backup FILE`: one archive of everything but the encryption keys (R-429)."""

import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from helpdesk.backup.save import save_backup
from helpdesk.backup.writing import write_due
from helpdesk.embedded.instance import instance_file
from helpdesk.embedded.language import Refusal
from helpdesk.embedded.language import gettext as _
from helpdesk.embedded.locations import is_given


class Command(BaseCommand):
    help = "Write one archive of the database and the attachments; the desk may run meanwhile."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, nargs="?")
        parser.add_argument(
            "--due", action="store_true", help="write what is asked for on screen or by schedule"
        )

    def handle(self, *_args: Any, file: Path | None, due: bool, **_options: Any) -> None:
        if due:
            write_due()
        elif file is None:
            raise CommandError(_("Name the file to write."))
        else:
            self._save(file)

    def _save(self, file: Path) -> None:
        try:
            manifest = save_backup(Path(os.path.abspath(file)))
        except Refusal as refusal:
            sys.exit(f"hd: {refusal}")
        rows = sum(table["rows"] for table in manifest["tables"].values())
        files = sum(name.startswith("files/") for name in manifest["members"])
        self.stdout.write(
            _("Backup written to %(path)s: %(rows)s rows, %(files)s files.")
            % {"path": file, "rows": rows, "files": files}
        )
        place = (
            "ENCRYPTION_KEYS"
            if is_given("ENCRYPTION_KEYS") and not settings.EMBEDDED
            else instance_file(settings.DATA_DIR)
        )
        self.stdout.write(
            _("The encryption keys are not in it: keep a copy of %(place)s in another safe place.")
            % {"place": place}
        )
