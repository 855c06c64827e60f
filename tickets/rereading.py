"""Decides what a message read once more may add to its ticket: what a mended parser finds, never a second entry.

The raw mail is the truth and the entry shows what we read in it; so words that are read better replace the earlier
ones. No event, no notice and no acknowledgement follows: for the customer nothing happened (R-147).
"""

from typing import Any

from channels_inbox.adapters.base import ParsedMessage
from channels_inbox.adapters.portal import LINK_REQUEST
from channels_inbox.desk import Arrival
from channels_inbox.models import InboundMessage
from tickets import intake
from tickets.letters import attach_files, ids_of, preview_of, store_files
from tickets.models import MailReference, ThreadEntry, Ticket


def add_missing(inbound: InboundMessage, parsed: ParsedMessage) -> list[str]:
    """Bring the entry of an arrival to what is read in it now; say what was new: entry, text, files, ids.

    An arrival that has no entry, though it was taken over, becomes one (I1). A request for another link was answered
    when it came. Must run inside a transaction that holds the arrival's row.
    """
    if parsed.kind in {LINK_REQUEST, "probe"}:
        return []
    entry = ThreadEntry.objects.filter(inbound=inbound).select_related("ticket").first()
    if entry is None:
        return ["entry"] if intake.take([Arrival(inbound, parsed)])[0] else []
    steps = {"text": _better_words, "files": _missing_files, "ids": _missing_ids}
    return [name for name, step in steps.items() if step(entry, parsed)]


def _better_words(entry: ThreadEntry, parsed: ParsedMessage) -> bool:
    read: dict[str, Any] = {
        "subject": parsed.subject[:255],
        "text": parsed.text,
        "html": parsed.html,
        "has_original": parsed.has_original,
        "message_id": parsed.message_id[:255],
    }
    if all(getattr(entry, name) == value for name, value in read.items()):
        return False
    ThreadEntry.objects.filter(pk=entry.pk).update(**read)
    shown = Ticket.objects.filter(pk=entry.ticket_id, last_entry_id=entry.pk)
    shown.update(preview=preview_of(parsed.text))
    return True


def _missing_files(entry: ThreadEntry, parsed: ParsedMessage) -> bool:
    known = set(entry.attachments.values_list("file__sha256", flat=True))
    missing = [each for each in parsed.attachments if each.sha256 not in known]
    attach_files(entry, store_files([missing])[0])
    return bool(missing)


def _missing_ids(entry: ThreadEntry, parsed: ParsedMessage) -> bool:
    """The ids a mail is known by and those it names, so that later answers find their ticket (R-128)."""
    known = set(MailReference.objects.filter(ticket=entry.ticket).values_list("message_id", flat=True))
    missing = [row for row in ids_of(entry.ticket, parsed) if row.message_id not in known]
    MailReference.objects.bulk_create(missing)
    return bool(missing)
