"""Decides what happens to a message that arrived: the whole story, top to bottom, in one transaction.

Nobody is refused (R-001): what fits no ticket opens one, what cannot be trusted opens one that is held.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from channels_inbox.adapters.base import ParsedMessage, Person
from channels_inbox.desk import Arrival
from channels_inbox.models import Channel, MessageAttachment
from helpdesk.lib.together import OneStatement
from helpdesk.people.contacts import canonical_email, gather
from helpdesk.people.models import Contact
from tickets import bounces, lifecycle
from tickets.letters import Letter, add_letters, preview_of, store_files
from tickets.lifecycle import Opening
from tickets.matching import Match, find_tickets
from tickets.models import ChannelPolicy, Department, Participant, Ticket

NOBODY = Person("sem-remetente@desconhecido.invalid")
MAX_COPIED = 20
STOPPED_WORD = "PAROU"


def take(arrivals: Sequence[Arrival]) -> list[bool]:
    """Turn arrivals into ticket entries; True for each that is taken over (all are, but our own probe mails, R-149).

    Runs in the transaction that also finishes the inbound rows. The arrivals have nothing to do with one another
    (`BaseDesk.received`), so each step is one for all of them: files, people, tickets, then everything in one
    statement. The contact rows are locked before any ticket: two messages of one person never open two tickets
    (R-128).
    """
    if len(arrivals) == 1 and (taken := _without_letter(arrivals[0])) is not None:
        return [taken]
    arrivals = [_marked(arrival) for arrival in arrivals]
    files = store_files([arrival.parsed.attachments for arrival in arrivals])
    copied = [copied_in(arrival.parsed) for arrival in arrivals]
    contacts, met = gather(
        "email",
        {address_of(arrival.parsed): (arrival.parsed.sender or NOBODY).name for arrival in arrivals},
        {address: name for people in copied for address, name in people.items()},
    )
    senders = [contacts[address_of(arrival.parsed)] for arrival in arrivals]
    letters = write(arrivals, senders, files)
    add_copied(
        (letter.ticket, met[address])
        for letter, people in zip(letters, copied, strict=True)
        for address in people
        if not letter.ticket.held
    )
    return [True] * len(arrivals)


def _without_letter(arrival: Arrival) -> bool | None:
    """Take what becomes no letter of a customer: a probe, or a bounce of ours; None for everything else."""
    if arrival.parsed.kind == "probe":
        return False
    if arrival.parsed.kind == "bounce" and bounces.take(arrival.inbound, arrival.parsed):
        return True
    return None


def _marked(arrival: Arrival) -> Arrival:
    """Mark what a mailbox of ours wrote as automatic: it is never answered (R-129)."""
    if address_of(arrival.parsed) not in own_addresses():
        return arrival
    return replace(arrival, parsed=replace(arrival.parsed, automatic=True))


def address_of(parsed: ParsedMessage) -> str:
    """Return the canonical address a message comes from; nobody's when it names none."""
    return canonical_email((parsed.sender or NOBODY).address)[:320]


def write(
    arrivals: Sequence[Arrival], senders: Sequence[Contact], files: Sequence[Sequence[MessageAttachment]]
) -> list[Letter]:
    """Find or open the ticket of each arrival, and write everything in one statement; return what was written."""
    letters: list[Letter] = []
    openings: list[Opening] = []
    known = find_tickets(
        [(arrival.parsed, contact) for arrival, contact in zip(arrivals, senders, strict=True)]
    )
    for arrival, contact, match, kept in zip(arrivals, senders, known, files, strict=True):
        opened = match.ticket is None
        if opened:
            openings.append(prepare(arrival, contact, match))
        letters.append(
            Letter(
                match.ticket or openings[-1].ticket,
                arrival.parsed,
                now=contact.locked_at,
                contact=contact,
                channel=arrival.inbound.channel,
                inbound=arrival.inbound,
                opened=opened,
                files=kept,
            )
        )
    statement = OneStatement()
    lifecycle.open_all(openings, statement)
    add_letters(letters, statement)
    statement.run()
    for letter in letters:
        if not letter.opened and says_stopped(letter.parsed):
            lifecycle.mark_stopped(letter.ticket)
    return letters


def prepare(arrival: Arrival, contact: Contact, match: Match) -> Opening:
    """Return the ticket to be opened for a message that joins none, in the department of its channel.

    Imported history is marked as such and confirmed to nobody (R-420).
    """
    inbound, parsed = arrival.inbound, arrival.parsed
    return lifecycle.prepare(
        contact=contact,
        department=department_of(inbound.channel),
        subject=parsed.subject,
        now=contact.locked_at,
        channel=inbound.channel,
        acknowledge=not (parsed.automatic or parsed.wants_no_answer or inbound.imported),
        imported=inbound.imported,
        stopped=says_stopped(parsed),
        held=parsed.sender_unverified or parsed.sender is None,
        possible_follow_up_of_id=match.candidate_id,
        hinted_protocol=match.hint,
        unanswered=not parsed.automatic,
        preview=preview_of(parsed.text),
    )


def says_stopped(parsed: ParsedMessage) -> bool:
    """Whether the whole message is the one word that takes a ticket to the top (rt0)."""
    return parsed.text.strip().strip(".!«»\"' ").upper() == STOPPED_WORD


def department_of(channel: Channel) -> Department:
    """Return the department a channel's messages go to (R-010: recipient address), else the default one.

    Asked for every arrival, so the answer may be five seconds old.
    """
    return _department_of(channel.pk, int(time.monotonic() // 5))


@lru_cache(maxsize=64)
def _department_of(channel_id: int, _moment: int) -> Department:
    policies = ChannelPolicy.objects.filter(channel=channel_id, department__active=True)
    policy = policies.select_related("department").first()
    return policy.department if policy else Department.objects.get(is_default=True)


def own_addresses() -> frozenset[str]:
    """Return the addresses of all our channels, lower case; the answer may be five seconds old."""
    return _own_addresses(int(time.monotonic() // 5))


@lru_cache(maxsize=2)
def _own_addresses(_moment: int) -> frozenset[str]:
    addresses = Channel.objects.exclude(address="").values_list("address", flat=True)
    return frozenset(canonical_email(address) for address in addresses)


def copied_in(parsed: ParsedMessage) -> dict[str, str]:
    """Return the people in copy (canonical address → name); none for robots and unproved senders."""
    if not parsed.copied or parsed.automatic or parsed.sender is None or parsed.sender_unverified:
        return {}
    people = {canonical_email(each.address)[:320]: each.name for each in parsed.copied[:MAX_COPIED]}
    not_them = own_addresses() | {address_of(parsed), ""}
    return {address: name for address, name in people.items() if address not in not_them}


def add_copied(people: Iterable[tuple[Ticket, int]]) -> None:
    """People in copy (ticket, contact) take part from now on: they get the replies, never the history or a link
    (R-134, A11)."""
    copied = Participant.Kind.COPIED
    rows = [Participant(ticket=ticket, contact_id=contact, kind=copied) for ticket, contact in people]
    Participant.objects.bulk_create(rows, ignore_conflicts=True)
