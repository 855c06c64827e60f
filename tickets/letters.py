"""Decides how a customer's message enters a ticket: entry, files, the ids mail knows it by, status and event."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from channels_inbox import files
from channels_inbox.adapters.base import Attachment, ParsedMessage
from channels_inbox.models import Channel, InboundMessage, MessageAttachment
from helpdesk.lib.together import OneStatement
from helpdesk.people.models import Contact
from tickets import events, lifecycle
from tickets.models import EntryAttachment, MailReference, ThreadEntry, Ticket

MAX_STORED_REFERENCES = 50
RESERVE = """
SELECT nextval('tickets_threadentry_id_seq'), nextval('tickets_ticketevent_id_seq') FROM generate_series(1, %s)
"""


@dataclass
class Letter:
    """What arrived, on its way to a ticket that is locked, or about to be written by the same statement (`opened`:
    it was made for this very message, so its status is right already)."""

    ticket: Ticket
    parsed: ParsedMessage
    now: datetime
    contact: Contact | None
    channel: Channel | None
    inbound: InboundMessage | None = None
    kind: str = ThreadEntry.Kind.CUSTOMER
    opened: bool = False
    idem_key: str | None = None
    files: Sequence[MessageAttachment] = field(default_factory=list)


def add_letter(letter: Letter) -> ThreadEntry:
    """Add one letter to its ticket (locked, or just opened), with files, mail ids, status and event.

    Must run inside the caller's transaction.
    """
    letter.files = store_files([letter.parsed.attachments])[0]
    statement = OneStatement()
    (entry,) = add_letters([letter], statement)
    if letter.opened and letter.ticket.preview != preview_of(letter.parsed.text):
        touch(letter.ticket, entry, [], statement)
    statement.run()
    return entry


def add_letters(letters: Sequence[Letter], statement: OneStatement) -> list[ThreadEntry]:
    """Add letters to a statement, each with its mail ids, what it does to its ticket, and its event; return their
    entries, which are written when the statement runs.

    Automatic mail and bounces leave status and waiting time alone (R-129).
    """
    keys = iter(_reserve_keys(sum(not letter.opened for letter in letters)))
    entries = []
    for letter in letters:
        ticket, parsed = letter.ticket, letter.parsed
        entry_id, event_id = (ticket.last_entry_id, None) if letter.opened else next(keys)
        entry = _entry_of(letter, entry_id)
        entries.append(entry)
        statement.insert(entry, *ids_of(ticket, parsed))
        statement.insert(*[EntryAttachment(entry=entry, file=each) for each in letter.files])
        if event_id is None:  # opening the ticket is the event
            continue
        quiet = parsed.automatic or letter.kind == ThreadEntry.Kind.BOUNCE
        changed = [] if quiet else lifecycle.customer_wrote(ticket, now=letter.now)
        touch(ticket, entry, changed, statement)
        data = {"automatic": parsed.automatic}
        statement.insert(*events.rows_of("customer_wrote", ticket, event_id=event_id, entry=entry, data=data))
        events.ring()
    return entries


def _reserve_keys(count: int) -> list[tuple[int, int]]:
    """Reserve the keys of as many entries and events."""
    if not count:
        return []
    with connection.cursor() as cursor:
        cursor.execute(RESERVE, [count])
        return cursor.fetchall()


def _entry_of(letter: Letter, entry_id: int) -> ThreadEntry:
    return ThreadEntry(
        pk=entry_id,
        ticket=letter.ticket,
        kind=letter.kind,
        contact=letter.contact,
        channel=letter.channel,
        inbound=letter.inbound,
        idem_key=letter.idem_key,
        created_at=letter.now,
        **_said(letter.parsed),
    )


def _said(parsed: ParsedMessage) -> dict[str, Any]:
    """Return the columns of an entry that are the message's own."""
    return {
        "subject": parsed.subject[:255],
        "text": parsed.text,
        "html": parsed.html,
        "has_original": parsed.has_original,
        "automatic": parsed.automatic,
        "held": parsed.sender_unverified,
        "message_id": parsed.message_id[:255],
        "recipients": _people(parsed),
    }


def _people(parsed: ParsedMessage) -> dict[str, Any]:
    to = [[person.name, person.address] for person in parsed.recipients[:50]]
    cc = [[person.name, person.address] for person in parsed.copied[:50]]
    return {"to": to, "cc": cc, "from": [parsed.sender.name, parsed.sender.address] if parsed.sender else []}


def store_files(messages: Sequence[Sequence[Attachment]]) -> list[list[MessageAttachment]]:
    """Keep the files of several messages; return their rows, message by message, written in one statement."""
    kept = [
        [
            files.new_attachment(
                each.content,
                name=each.name,
                content_type=each.content_type,
                inline=each.inline,
                content_id=each.content_id,
                sha256=each.sha256,
            )
            for each in attachments
        ]
        for attachments in messages
    ]
    MessageAttachment.objects.bulk_create([row for rows in kept for row in rows])
    return kept


def attach_files(entry: ThreadEntry, attachments: Sequence[MessageAttachment]) -> None:
    """Link stored files to an entry."""
    EntryAttachment.objects.bulk_create([EntryAttachment(entry=entry, file=each) for each in attachments])


def ids_of(ticket: Ticket, parsed: ParsedMessage) -> list[MailReference]:
    """Return the ids this mail is known by, and those it names, so that a late root finds its answer (R-128)."""
    rows = [MailReference(ticket=ticket, message_id=parsed.message_id[:255])] if parsed.message_id else []
    named = parsed.references[:MAX_STORED_REFERENCES]
    return rows + [MailReference(ticket=ticket, message_id=each[:255], own=False) for each in named]


def touch(ticket: Ticket, entry: ThreadEntry, changed: list[str], statement: OneStatement) -> None:
    """Make an entry the ticket's newest, and add that and the changed fields to the statement."""
    ticket.last_entry_id = entry.pk
    ticket.preview = preview_of(entry.text)
    statement.update(ticket, ["last_entry_id", "preview", *changed])


def preview_of(text: str) -> str:
    """Return the line a list shows of a message."""
    return " ".join(text[:1000].split())[:160]
