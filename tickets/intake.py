"""Decides what happens to a message that arrived: the whole story, top to bottom, in one transaction.

Nobody is refused (R-001): what fits no ticket opens one, what cannot be trusted opens one that is held.
"""

import time
from dataclasses import replace
from datetime import datetime
from functools import lru_cache

from channels_inbox.adapters.base import ParsedMessage, Person
from channels_inbox.models import Channel, InboundMessage
from helpdesk.people.contacts import canonical_email, identify, meet
from helpdesk.people.models import Contact
from tickets import bounces, conversation, lifecycle
from tickets.matching import Match, find_ticket
from tickets.models import ChannelPolicy, Department, Participant, Ticket

NOBODY = Person("sem-remetente@desconhecido.invalid")
MAX_COPIED = 20
STOPPED_WORD = "PAROU"


def take(inbound: InboundMessage, parsed: ParsedMessage) -> bool:
    """Turn one arrival into a ticket entry; True when it is taken over (all is, but our own probe mails, R-149).

    Runs in the transaction that also finishes the inbound row. The contact row is locked before any ticket: two
    messages of one person never open two tickets (R-128).
    """
    if parsed.kind == "probe":
        return False
    if parsed.kind == "bounce" and bounces.take(inbound, parsed):
        return True
    sender = parsed.sender or NOBODY
    if canonical_email(sender.address) in own_addresses():
        parsed = replace(parsed, automatic=True)  # a mailbox of ours wrote: never answered
    copied = meet_copied(parsed)
    contact, _created = identify("email", canonical_email(sender.address)[:320], name=sender.name)
    now = contact.locked_at
    match = Match() if parsed.sender is None else find_ticket(parsed, contact, now=now)
    opened = match.ticket is None
    ticket = match.ticket or open_for(inbound, contact, parsed, match, now=now)
    conversation.add_customer_message(
        ticket,
        contact=contact,
        parsed=parsed,
        now=now,
        channel=inbound.channel,
        inbound=inbound,
        opened=opened,
    )
    if not opened and says_stopped(parsed):
        lifecycle.mark_stopped(ticket)
    if copied and not ticket.held:
        add_copied(ticket, copied)
    return True


def open_for(
    inbound: InboundMessage, contact: Contact, parsed: ParsedMessage, match: Match, *, now: datetime
) -> Ticket:
    """Open a ticket for a message that joins none, in the department of its channel.

    Imported history is marked as such and confirmed to nobody (R-420).
    """
    return lifecycle.open_ticket(
        contact=contact,
        department=department_of(inbound.channel),
        subject=parsed.subject,
        now=now,
        channel=inbound.channel,
        acknowledge=not (parsed.automatic or parsed.wants_no_answer or inbound.imported),
        imported=inbound.imported,
        stopped=says_stopped(parsed),
        held=parsed.sender_unverified or parsed.sender is None,
        possible_follow_up_of_id=match.candidate_id,
        hinted_protocol=match.hint,
        unanswered=not parsed.automatic,
        preview=conversation.preview_of(parsed.text),
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


def meet_copied(parsed: ParsedMessage) -> list[int]:
    """Return the contacts of the people in copy, made when they are new; none for robots and unproved senders.

    They are not locked: two mails that copy each other's senders are worked at the same time.
    """
    if not parsed.copied or parsed.automatic or parsed.sender is None or parsed.sender_unverified:
        return []
    sender = canonical_email(parsed.sender.address)[:320]
    people = {canonical_email(each.address)[:320]: each.name for each in parsed.copied[:MAX_COPIED]}
    wanted = [address for address in people if address and address not in own_addresses() | {sender}]
    if not wanted:
        return []
    met = meet("email", {address: people[address] for address in wanted} | {sender: parsed.sender.name})
    return [met[address] for address in wanted]


def add_copied(ticket: Ticket, contacts: list[int]) -> None:
    """People in copy take part from now on: they get the replies, never the history or a link (R-134, A11)."""
    rows = [Participant(ticket=ticket, contact_id=each, kind=Participant.Kind.COPIED) for each in contacts]
    Participant.objects.bulk_create(rows, ignore_conflicts=True)
