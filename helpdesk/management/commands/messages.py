"""Keeps the Portuguese catalogue complete: extracts, merges, compiles and checks, without the gettext programs (R-413).

`messages` updates the .po and .mo files; `--check` changes nothing and fails on a missing, fuzzy or stale string;
`--merge FILE.json` adds translations (`{"msgid": "msgstr"}`, plurals as a list).
"""

import fcntl
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import templatize

KEYWORDS = {
    "gettext": None, "gettext_lazy": None, "gettext_noop": None, "_": None,
    "ngettext": (1, 2), "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2), "pgettext_lazy": ((1, "c"), 2), "npgettext": ((1, "c"), 2, 3),
}  # fmt: skip
FIXED_DATE = datetime(2026, 1, 1, tzinfo=UTC)
HEADER = "# Portuguese (Brazil) texts of Presteza."
SOURCES = ("helpdesk", "channels_inbox", "tickets", "templates")


class Command(BaseCommand):
    help = "Extract, merge, compile or check the translations."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing; fail when incomplete")
        parser.add_argument("--merge", metavar="FILE", help="JSON file of translations to add")
        parser.add_argument("--missing", action="store_true", help="print the missing strings as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = Path(settings.BASE_DIR) / "locale" / "pt_BR" / "LC_MESSAGES"
        with (Path(settings.BASE_DIR) / "locale" / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._work(folder, options)

    def _work(self, folder: Path, options: dict[str, Any]) -> None:
        catalogue = read_catalogue(folder / "django.po")
        update(catalogue, extracted())
        if options["merge"]:
            merge(catalogue, json.loads(Path(options["merge"]).read_text(encoding="utf-8")))
        missing = [
            message.id for message in catalogue if message.id and (message.fuzzy or not complete(message))
        ]
        if options["missing"]:
            self.stdout.write(json.dumps(missing, ensure_ascii=False, indent=1))
        elif options["check"]:
            self._check(folder, catalogue, missing)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "django.po").write_bytes(po_bytes(catalogue))
            (folder / "django.mo").write_bytes(mo_bytes(catalogue))
            self.stdout.write(f"{len(catalogue)} strings, {len(missing)} missing")

    def _check(self, folder: Path, catalogue: Any, missing: list[Any]) -> None:
        if missing:
            raise CommandError(f"{len(missing)} strings without Portuguese: {missing[:20]}")
        if mo_bytes(catalogue) != (folder / "django.mo").read_bytes():
            raise CommandError("locale: the compiled catalogue is stale; run ./hd manage messages")
        self.stdout.write(f"{len(catalogue)} strings, all translated")


def source_files() -> Iterator[Path]:
    """Yield every file whose strings people read."""
    for name in SOURCES:
        for path in sorted((Path(settings.BASE_DIR) / name).rglob("*")):
            if (
                path.suffix in {".py", ".html", ".txt"}
                and "migrations" not in path.parts
                and "static" not in path.parts
            ):
                yield path


def extracted() -> dict[tuple[str | None, Any], list[str]]:
    """Return (context, msgid or (singular, plural)) → the files that use it."""
    from babel.messages.extract import extract

    found: dict[tuple[str | None, Any], list[str]] = {}
    for path in source_files():
        text = path.read_text(encoding="utf-8")
        if path.suffix != ".py":
            # What is no call is blanked out; its indentation would be an error to Python's tokenizer.
            text = "\n".join(line.lstrip() for line in templatize(text, origin=str(path)).splitlines())
        for _line, message, _comments, context in extract("python", io.BytesIO(text.encode()), KEYWORDS):
            key = tuple(message) if isinstance(message, tuple) else message
            if key:
                found.setdefault((context, key), []).append(str(path.relative_to(settings.BASE_DIR)))
    return found


def read_catalogue(path: Path) -> Any:
    """Return the stored catalogue, or an empty one."""
    from babel.messages import Catalog
    from babel.messages.pofile import read_po

    if path.exists():
        with path.open("rb") as handle:
            return read_po(handle, locale="pt_BR")
    return Catalog(locale="pt_BR", project="Presteza", charset="utf-8", fuzzy=False, header_comment=HEADER)


def update(catalogue: Any, found: dict[tuple[str | None, Any], list[str]]) -> None:
    """Make the catalogue hold exactly the strings in use."""
    for message in [m for m in catalogue if m.id]:
        key = tuple(message.id) if isinstance(message.id, (list, tuple)) else message.id
        if (message.context, key) not in found:
            catalogue.delete(message.id, message.context)
    for (context, key), files in found.items():
        standing = catalogue.get(key[0] if isinstance(key, tuple) else key, context)
        text = standing.string if standing is not None else None
        if standing is not None and isinstance(key, tuple) != isinstance(standing.id, (list, tuple)):
            text = None
        if standing is not None:
            catalogue.delete(standing.id, context)
        catalogue.add(key, text, locations=[(name, 0) for name in sorted(set(files))], context=context)


def merge(catalogue: Any, texts: dict[str, Any]) -> None:
    """Set translations by msgid; unknown ones are ignored (their source is not there yet)."""
    for message in catalogue:
        key = message.id[0] if isinstance(message.id, (list, tuple)) else message.id
        if key and key in texts:
            message.string = tuple(texts[key]) if isinstance(texts[key], list) else texts[key]
            message.flags.discard("fuzzy")


def complete(message: Any) -> bool:
    """Whether every form of a message has its text."""
    forms = message.string if isinstance(message.string, (list, tuple)) else [message.string]
    return all(forms) and (not isinstance(message.id, (list, tuple)) or len(forms) == 2)


def po_bytes(catalogue: Any) -> bytes:
    from babel.messages.pofile import write_po

    out = io.BytesIO()
    write_po(out, catalogue, width=110, sort_output=True, omit_header=False, include_lineno=False)
    lines = [
        line
        for line in out.getvalue().splitlines()
        if not line.startswith((b'"POT-Creation', b'"PO-Revision', b'"Generated'))
    ]
    return b"\n".join(lines) + b"\n"


def mo_bytes(catalogue: Any) -> bytes:
    """Return the compiled catalogue; the same texts give the same bytes whenever it is made."""
    from babel.messages.mofile import write_mo

    out = io.BytesIO()
    catalogue.creation_date = catalogue.revision_date = FIXED_DATE
    write_mo(out, catalogue)
    return out.getvalue()
