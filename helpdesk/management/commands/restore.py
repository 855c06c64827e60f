"""`./hd restore FILE`: put a backup in place of an empty database, or of any with --replace (R-429)."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.core.management.base import BaseCommand

from helpdesk.backup.load import load_backup, missing_keys
from helpdesk.embedded.language import Refusal
from helpdesk.embedded.language import gettext as _


class Command(BaseCommand):
    help = "Restore a backup; refuses a damaged or newer one, and a database that is not empty unless told."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--replace", action="store_true", help="throw away the data that are there")

    def handle(self, *_args: Any, file: Path, replace: bool, **_options: Any) -> None:
        try:
            manifest = load_backup(file, replace=replace)
            if settings.EMBEDDED:
                cache.clear()  # what is remembered there belongs to the data before; the bell rings again by itself
        except Refusal as refusal:
            sys.exit(f"hd: {refusal}")
        rows = sum(table["rows"] for table in manifest["tables"].values())
        self.stdout.write(
            _("Restored %(rows)s rows of the backup made at %(created)s.")
            % {"rows": rows, "created": manifest["created"]}
        )
        self.stdout.write(
            _(
                "Nothing is sent or fetched until an administrator confirms that this copy is the one in use."
            )
        )
        if missing_keys(manifest):
            self.stderr.write(
                _(
                    "The backup was made with other encryption keys: stored passwords and second factors "
                    "cannot be read until ENCRYPTION_KEYS holds the old keys as well."
                )
            )
