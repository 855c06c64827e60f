"""Decides which ticket a mail belongs to: the one table of R-128, first row that holds.

Proof is our signed Message-ID or reply address; a reference is a Message-ID the ticket is known by. Either joins
only when the sender already takes part in that ticket. Numbers in subjects are a hint for the analyst, never
authority.

An id that a mail of the ticket merely named proves less: anybody may name the id of somebody else's mail and put
that person in copy. It joins for the ticket's own customer only.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import connection

from channels_inbox.adapters.base import ParsedMessage
from helpdesk.people.models import Contact
from tickets.models import Participant, Ticket
from tickets.models.ticket import Status

REOPEN_DAYS = 7
_PROTOCOL = re.compile(r"(?<![\d-])(\d{2}-\d{1,7})(?![\d-])")
Part = tuple[str, int | None]  # how somebody takes part in a ticket, and into which other one it was merged


# Asked for every mail: what it names (own ids only), and what names it.
KNOWN = """
SELECT message_id, ticket_id, own FROM tickets_mailreference
 WHERE (message_id = ANY(%s) AND own) OR message_id = ANY(%s)
 ORDER BY ticket_id
"""
PARTS = """
SELECT part.ticket_id, part.contact_id, part.kind, ticket.merged_into_id
  FROM tickets_participant part JOIN tickets_ticket ticket ON ticket.id = part.ticket_id
 WHERE part.ticket_id = ANY(%s) AND part.contact_id = ANY(%s) AND NOT part.removed
"""


@dataclass(frozen=True)
class Match:
    """`ticket`: join it (row locked). `candidate`: a possible follow-up, linked for one click. `hint`: a number."""

    ticket: Ticket | None = None
    candidate_id: int | None = None
    hint: str = ""


@dataclass
class Question:
    """A message of a (locked) contact, and the tickets it may belong to."""

    parsed: ParsedMessage
    contact: Contact
    named: list[int] = field(default_factory=list)  # proved, claimed, referenced; nearest first
    waiting: list[int] = field(default_factory=list)  # an answer there named this very message before it came
    twins: list[int] = field(default_factory=list)  # a mail of the same id came to another mailbox of ours
    wanted: int | None = None  # the ticket to join
    merged_into: int | None = None  # where it went, if it is still to be followed
    moved: bool = False  # it was followed
    outside: int | None = None  # it was merged into this one, where the contact takes no part

    @property
    def mentioned(self) -> list[int]:
        return [*self.named, *self.waiting, *self.twins]


def find_tickets(messages: Sequence[tuple[ParsedMessage, Contact]]) -> list[Match]:
    """Apply R-128 to messages of (locked) contacts that name nothing of one another; four statements at most,
    however many they are (two more where a ticket was merged away).

    The tickets to join come back locked, one object a ticket.
    """
    questions = [Question(parsed, contact) for parsed, contact in messages]
    _look_up_references([question for question in questions if question.parsed.sender])
    parts = _parts_of(
        [ticket for question in questions for ticket in question.mentioned],
        [question.contact.pk for question in questions if question.mentioned],
    )
    for question in questions:
        _choose(question, parts)
    locked = _lock_wanted(questions)
    unmatched = [question for question in questions if not question.wanted and not question.outside]
    standing = _standing(each for question in unmatched for each in question.named + question.waiting)
    return [_answer(question, locked, parts, standing) for question in questions]


def _look_up_references(questions: Sequence[Question]) -> None:
    """Fill in which tickets each message names, is waited for by, or stands on already."""
    wanted = {each for question in questions for each in question.parsed.references}
    own_ids = {question.parsed.message_id for question in questions} - {""}
    known: dict[str, list[tuple[int, bool]]] = defaultdict(list)
    if wanted or own_ids:
        with connection.cursor() as cursor:
            cursor.execute(KNOWN, [list(wanted), list(own_ids)])
            for message_id, ticket_id, own in cursor.fetchall():
                known[message_id].append((ticket_id, own))
    for question in questions:
        parsed = question.parsed
        proofs = parsed.extra.get("proofs", [])
        proved = [ticket for ticket, contact in proofs if contact == question.contact.pk]
        claimed = [ticket for ticket, _contact in proofs]
        names = dict.fromkeys(parsed.references)
        referenced = [ticket for each in names for ticket, own in known.get(each, ()) if own]
        question.named = list(dict.fromkeys([*proved, *claimed, *referenced]))
        here = known.get(parsed.message_id, ())
        question.waiting = [ticket for ticket, own in here if not own]
        if parsed.message_id not in parsed.references:
            question.twins = [ticket for ticket, own in here if own]


def _parts_of(tickets: Iterable[int], contacts: Iterable[int]) -> dict[tuple[int, int], Part]:
    """Return how which of the contacts take part in which of the tickets: (ticket, contact) → part."""
    tickets, contacts = set(tickets), set(contacts)
    if not tickets or not contacts:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(PARTS, [list(tickets), list(contacts)])
        return {(ticket, contact): (kind, merged) for ticket, contact, kind, merged in cursor.fetchall()}


def _choose(question: Question, parts: dict[tuple[int, int], Part]) -> None:
    """Pick the ticket to join: the nearest named one the contact takes part in, else one that waits for this message
    and is the contact's own."""
    if question.parsed.sender_unverified:
        return
    mine = {ticket: part for (ticket, contact), part in parts.items() if contact == question.contact.pk}
    requested = {ticket for ticket, (kind, _merged) in mine.items() if kind == Participant.Kind.REQUESTER}
    fitting = [each for each in question.named if each in mine] + [
        each for each in question.waiting if each in requested
    ]
    if fitting:
        question.wanted = fitting[0]
        question.merged_into = mine[fitting[0]][1]


def _lock_wanted(questions: Sequence[Question]) -> dict[int, Ticket]:
    """Lock the tickets to join, or those they were merged into; return key → ticket."""
    _follow_merged(questions)
    locked = Ticket.objects.locked(each.wanted for each in questions if each.wanted)
    for question in questions:
        if question.wanted and not question.moved:  # merged while we waited for the lock?
            question.merged_into = locked[question.wanted].merged_into_id
    if _follow_merged(questions):
        locked |= Ticket.objects.locked(
            each.wanted for each in questions if each.wanted and each.wanted not in locked
        )
    return locked


def _follow_merged(questions: Sequence[Question]) -> bool:
    """Lead questions on to the tickets theirs were merged into, where the contact must take part too: whoever was
    taken out there does not come back by the old one. True when there was one to follow."""
    moving = [(question, question.merged_into) for question in questions if question.merged_into]
    parts = _parts_of([target for _, target in moving], [question.contact.pk for question, _ in moving])
    for question, target in moving:
        joins = (target, question.contact.pk) in parts
        question.wanted, question.outside = (target, None) if joins else (None, target)
        question.merged_into, question.moved = None, True
    return bool(moving)


def _standing(tickets: Iterable[int]) -> set[int]:
    """Return which of these tickets exist: a proof may name one that is gone."""
    wanted = set(tickets)
    return set(Ticket.objects.filter(pk__in=wanted).values_list("pk", flat=True)) if wanted else set()


def _answer(
    question: Question, locked: dict[int, Ticket], parts: dict[tuple[int, int], Part], standing: set[int]
) -> Match:
    """Return what R-128 says; a closed ticket is joined for seven days only (R-006)."""
    if question.parsed.sender is None:
        return Match()
    if question.outside:
        return Match(candidate_id=question.outside)
    if question.wanted:
        ticket = locked[question.wanted]
        now = question.contact.locked_at
        if (
            ticket.status == Status.CLOSED
            and ticket.closed_at
            and now - ticket.closed_at > timedelta(days=REOPEN_DAYS)
        ):
            return Match(candidate_id=ticket.pk)
        return Match(ticket=ticket)
    candidate = next((each for each in question.named + question.waiting if each in standing), None)
    twin = next((each for each in question.twins if (each, question.contact.pk) in parts), None)
    return Match(candidate_id=candidate or twin, hint=_hint(question.parsed))


def _hint(parsed: ParsedMessage) -> str:
    found = _PROTOCOL.search(parsed.hint_text[:4000])
    return found[1] if found else ""
