"""`manage.py replay --channel KEY`: reads stored arrivals once more (R-147); repeating it changes nothing."""

from argparse import ArgumentTypeError
from collections import Counter
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from channels_inbox.models import Channel, InboundMessage
from channels_inbox.progress import Bar
from channels_inbox.replay import STATES, choose, read_again, sentence_of, since_of
from helpdesk.people.audit import record

SHOWN = 20


def moment(text: str) -> datetime:
    try:
        return since_of(text)
    except ValueError as error:
        raise ArgumentTypeError(
            _("“%(text)s” is no moment. Write it as 2026-11-24T08:00.") % {"text": text}
        ) from error


class Command(BaseCommand):
    help = "Read stored arrivals of a channel once more, for example after a parser was mended."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--channel", required=True, help="key of the channel")
        parser.add_argument("--since", type=moment, help="only what arrived from this ISO moment on")
        parser.add_argument("--state", choices=STATES, default="dead", help="which rows (default: dead)")

    def handle(self, *_args: Any, channel: str, since: datetime | None, state: str, **_options: Any) -> None:
        row = Channel.objects.filter(key=channel).first()
        if row is None:
            keys = ", ".join(Channel.objects.values_list("key", flat=True))
            raise CommandError(
                _("There is no channel “%(key)s”; there are: %(keys)s") % {"key": channel, "keys": keys}
            )
        rows = choose(InboundMessage.objects.filter(channel=row), state)
        rows = rows.filter(received_at__gte=since) if since else rows
        wanted = list(rows.order_by("id").values_list("pk", flat=True))
        facts = {"state": state, "since": since.isoformat() if since else "", "messages": len(wanted)}
        record("replay_asked", subject=channel, after=facts)
        self._run(wanted)

    def _run(self, wanted: list[int]) -> None:
        found: Counter[str] = Counter()
        unread: list[int] = []
        bar = Bar(len(wanted), _("reading again"))
        for pk in wanted:
            outcome = read_again(pk, actor=None)
            found[outcome] += 1
            unread += [pk] if outcome == "unread" else []
            bar.advance(1)
        bar.close()
        count = ngettext("%(n)s message read again", "%(n)s messages read again", len(wanted))
        self.stdout.write(f"{count % {'n': len(wanted)}} ({sentence_of(found)})")
        for row in InboundMessage.objects.filter(pk__in=unread[:SHOWN]).order_by("id"):
            self.stdout.write(f"  #{row.pk}: {row.last_error}")
