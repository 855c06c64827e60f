"""Decides which ticket a mail belongs to: the one table of R-128, first row that holds.

Proof is our signed Message-ID or reply address; a reference is a Message-ID the ticket is known by. Either joins
only when the sender already takes part in that ticket. Numbers in subjects are a hint for the analyst, never
authority.

An id that a mail of the ticket merely named proves less: anybody may name the id of somebody else's mail and put
that person in copy. It joins for the ticket's own customer only.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from channels_inbox.adapters.base import ParsedMessage
from helpdesk.people.models import Contact
from tickets.models import Participant, Ticket
from tickets.models.ticket import Status

REOPEN_DAYS = 7
_PROTOCOL = re.compile(r"(?<![\d-])(\d{2}-\d{1,7})(?![\d-])")


# Asked for every mail: what it names (own ids only), and what names it.
KNOWN = """
SELECT message_id, ticket_id, own FROM tickets_mailreference
 WHERE (message_id = ANY(%s) AND own) OR (message_id = %s AND message_id <> '')
"""


@dataclass(frozen=True)
class Match:
    """`ticket`: join it (row locked). `candidate`: a possible follow-up, linked for one click. `hint`: a number."""

    ticket: Ticket | None = None
    candidate_id: int | None = None
    hint: str = ""


def find_ticket(parsed: ParsedMessage, contact: Contact, *, now: datetime) -> Match:
    """Apply R-128 to one message of one (locked) contact; at most three statements."""
    proved = [
        ticket for ticket, proved_contact in parsed.extra.get("proofs", []) if proved_contact == contact.pk
    ]
    claimed = [ticket for ticket, _contact in parsed.extra.get("proofs", [])]
    referenced, waiting, twins = _referenced(parsed)
    known = list(dict.fromkeys([*proved, *claimed, *referenced]))
    if not known and not waiting and not twins:
        return Match(hint=_hint(parsed))
    kinds = _kinds_of(contact, [*known, *waiting, *twins])
    if not parsed.sender_unverified:
        for ticket_id in known:
            if ticket_id in kinds:
                return _joinable(ticket_id, contact, now=now)
        for ticket_id in waiting:
            if kinds.get(ticket_id) == Participant.Kind.REQUESTER:
                return _joinable(ticket_id, contact, now=now)
    twin = next((ticket_id for ticket_id in twins if ticket_id in kinds), None)
    return Match(candidate_id=_existing([*known, *waiting]) or twin, hint=_hint(parsed))


def _kinds_of(contact: Contact, tickets: list[int]) -> dict[int, str]:
    """Return how the contact takes part in which of these tickets."""
    rows = Participant.objects.filter(ticket__in=tickets, contact=contact, removed=False)
    return dict(rows.values_list("ticket_id", "kind"))


def _referenced(parsed: ParsedMessage) -> tuple[list[int], list[int], list[int]]:
    """Return the tickets known by an id this mail names (nearest first); those that wait for this very mail; and
    those that hold a mail of the same id already (one mail to two of our mailboxes)."""
    wanted = list(parsed.references)
    if not wanted and not parsed.message_id:
        return [], [], []
    rank = {message_id: position for position, message_id in enumerate(wanted)}
    with connection.cursor() as cursor:
        cursor.execute(KNOWN, [wanted, parsed.message_id])
        rows = cursor.fetchall()
    ordered = sorted(rows, key=lambda row: (rank.get(row[0], len(rank)), row[1]))
    known = [ticket for message_id, ticket, own in ordered if own and message_id in rank]
    waiting = [ticket for _message_id, ticket, own in ordered if not own]
    return known, waiting, [ticket for message_id, ticket, own in ordered if own and message_id not in rank]


def _joinable(ticket_id: int, contact: Contact, *, now: datetime) -> Match:
    """Lock the ticket (or the one it was merged into, where the contact must take part too: whoever was taken out
    there does not come back by the old one); a closed one is joined for seven days only (R-006)."""
    ticket = Ticket.objects.select_for_update(no_key=True).get(pk=ticket_id)
    if ticket.merged_into_id:
        ticket = Ticket.objects.select_for_update(no_key=True).get(pk=ticket.merged_into_id)
        if ticket.pk not in _kinds_of(contact, [ticket.pk]):
            return Match(candidate_id=ticket.pk)
    if (
        ticket.status == Status.CLOSED
        and ticket.closed_at
        and now - ticket.closed_at > timedelta(days=REOPEN_DAYS)
    ):
        return Match(candidate_id=ticket.pk)
    return Match(ticket=ticket)


def _existing(candidates: list[int]) -> int | None:
    found = set(Ticket.objects.filter(pk__in=candidates).values_list("pk", flat=True))
    return next((ticket_id for ticket_id in candidates if ticket_id in found), None)


def _hint(parsed: ParsedMessage) -> str:
    found = _PROTOCOL.search(parsed.hint_text[:4000])
    return found[1] if found else ""
