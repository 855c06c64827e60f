"""`manage.py import_mail PATH --channel KEY`: takes a maildir, mbox or folder of .eml through the common inbox.

Imported mail is history: its tickets are marked so and nobody is told anything (R-420); `--acknowledge` treats it
like mail that arrives now.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from channels_inbox.adapters.base import Envelope
from channels_inbox.imap import left_behind
from channels_inbox.inbox import process_due, store
from channels_inbox.mail_files import find_mails, total_bytes
from channels_inbox.mime import fingerprint
from channels_inbox.models import Channel, InboundMessage
from channels_inbox.progress import Bar

BATCH_MAILS = 50
BATCH_BYTES = 20 * 1024 * 1024
HEADER_BYTES = 256 * 1024


class Command(BaseCommand):
    help = "Import mail files into a channel."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, help="maildir, mbox, folder of .eml, or one file")
        parser.add_argument("--channel", required=True, help="key of the mail channel")
        parser.add_argument("--acknowledge", action="store_true", help="confirm receipt to the senders")
        parser.add_argument(
            "--no-process", action="store_true", help="only store; the workers make the tickets"
        )

    def handle(self, *_args: Any, path: Path, channel: str, acknowledge: bool, **options: Any) -> None:
        if not path.exists():
            raise CommandError(_("There is nothing at %(path)s.") % {"path": path})
        row = Channel.objects.filter(key=channel, kind="email").first()
        if row is None:
            keys = ", ".join(Channel.objects.filter(kind="email").values_list("key", flat=True))
            raise CommandError(
                _("There is no mail channel “%(key)s”; there are: %(keys)s") % {"key": channel, "keys": keys}
            )
        before = InboundMessage.objects.order_by("-id").values_list("pk", flat=True).first() or 0
        found, new = self._store(path, row, imported=not acknowledge)
        if not options["no_process"]:
            self._process(new)
        self._summary(InboundMessage.objects.filter(channel=row, pk__gt=before), found=found, new=new)

    def _store(self, path: Path, channel: Channel, *, imported: bool) -> tuple[int, int]:
        bar = Bar(total_bytes(path), _("storing"))
        found = new = held = 0
        batch: list[Envelope] = []
        for envelope, size in self._envelopes(path, imported=imported):
            batch.append(envelope)
            found, held = found + 1, held + len(envelope.payload)
            bar.advance(size)
            if len(batch) >= BATCH_MAILS or held > BATCH_BYTES:
                new += store(channel, batch)
                batch, held = [], 0
        new += store(channel, batch)
        bar.close()
        return found, new

    def _envelopes(self, path: Path, *, imported: bool) -> Iterator[tuple[Envelope, int]]:
        for mail in find_mails(path):
            if mail.error:
                self.stderr.write(
                    _("%(file)s could not be read: %(reason)s") % {"file": mail.source, "reason": mail.error}
                )
            elif len(mail.raw) > settings.MAX_MAIL_BYTES:
                header = mail.raw[:HEADER_BYTES].partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
                yield left_behind(header, size=len(mail.raw), imported=imported), mail.size
            else:
                yield Envelope(fingerprint(mail.raw), "", mail.raw, imported=imported), mail.size

    def _process(self, new: int) -> None:
        bar = Bar(new, _("making tickets"))
        while done := process_due():
            bar.advance(done)
        bar.close()

    def _summary(self, rows: Any, *, found: int, new: int) -> None:
        repeated = found - new
        held = rows.filter(state=InboundMessage.DEAD)
        waiting = rows.filter(state="new").count()
        lines = [
            ngettext("%(n)s mail read", "%(n)s mails read", found) % {"n": found},
            ngettext("%(n)s new", "%(n)s new ones", new) % {"n": new},
            ngettext("%(n)s repeated", "%(n)s repeated ones", repeated) % {"n": repeated},
            ngettext("%(n)s in quarantine", "%(n)s ones in quarantine", held.count()) % {"n": held.count()},
        ]
        if waiting:
            lines.append(
                ngettext("%(n)s waits for a worker", "%(n)s wait for a worker", waiting) % {"n": waiting}
            )
        self.stdout.write(", ".join(lines))
        for row in held.order_by("id")[:20]:
            self.stdout.write(f"  #{row.pk}: {row.last_error}")
