"""Decides what goes when the demonstration goes: everything it brought, and nothing that is real.

Real tickets opened meanwhile stay, with whoever takes part in them; so do departments, mailboxes and texts, which
belong to the company (R-427), and the protocol counter, because no number is ever given twice (R-002).
"""

from collections.abc import Collection
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q

from channels_inbox import files
from channels_inbox.models import ChannelThread, InboundMessage, MessageAttachment, OutboundMessage
from helpdesk.people import audit
from helpdesk.people.access import end_access
from helpdesk.people.models import AuditEntry, Contact, Invitation, Organization, SiteSettings, User
from tickets.demo.people import team_addresses
from tickets.demo.story import cast
from tickets.models import (
    DraftFile,
    EntryAttachment,
    EntryDelivery,
    Participant,
    ThreadEntry,
    Ticket,
    TicketEvent,
)


@dataclass(frozen=True)
class Cleared:
    """How much went, and how many of the team were only switched off because rows that stay name them."""

    tickets: int
    contacts: int
    switched_off: int


@transaction.atomic
def clear_demo() -> Cleared:
    """Remove the demonstration, in one transaction; running it again removes nothing more."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL presteza.erasing = 'on'")  # events are append-only but for this
    tickets = list(Ticket.objects.select_for_update().filter(demo=True).values_list("pk", flat=True))
    contacts = set(Participant.objects.filter(ticket__in=tickets).values_list("contact", flat=True))
    contacts |= set(Ticket.objects.filter(pk__in=tickets).values_list("contact", flat=True))
    _remove_tickets(tickets)
    removed = _remove_contacts(contacts)
    switched_off = _remove_team()
    SiteSettings.objects.filter(name=cast()["company"]).update(
        name=SiteSettings._meta.get_field("name").default
    )
    cleared = Cleared(len(tickets), removed, switched_off)
    if tickets:
        audit.record("demo_cleared", after={"tickets": cleared.tickets, "contacts": cleared.contacts})
    return cleared


def _remove_tickets(tickets: Collection[int]) -> None:
    entries = ThreadEntry.objects.filter(ticket__in=tickets)
    inbound = list(entries.filter(inbound__isnull=False).values_list("inbound", flat=True))
    outbound = list(EntryDelivery.objects.filter(entry__in=entries).values_list("outbound", flat=True))
    attached = set(EntryAttachment.objects.filter(entry__in=entries).values_list("file", flat=True))
    attached |= set(DraftFile.objects.filter(draft__ticket__in=tickets).values_list("file", flat=True))
    Ticket.objects.filter(pk__in=tickets).delete()
    payloads = InboundMessage.objects.filter(pk__in=inbound).exclude(payload_file="")
    hashes = set(payloads.values_list("payload_file", flat=True))
    hashes |= set(MessageAttachment.objects.filter(pk__in=attached).values_list("sha256", flat=True))
    InboundMessage.objects.filter(pk__in=inbound).delete()
    OutboundMessage.objects.filter(pk__in=outbound).delete()
    ChannelThread.objects.exclude(Exists(OutboundMessage.objects.filter(thread=OuterRef("pk")))).delete()
    _unreferenced_attachments(attached).delete()
    transaction.on_commit(lambda: forget_files(hashes))


def _unreferenced_attachments(wanted: Collection[int]):
    used = Exists(EntryAttachment.objects.filter(file=OuterRef("pk")))
    drafted = Exists(DraftFile.objects.filter(file=OuterRef("pk")))
    return MessageAttachment.objects.filter(pk__in=wanted).exclude(used | drafted)


def forget_files(hashes: Collection[str]) -> int:
    """Delete files on disk that no row names any more; return how many."""
    named = set(MessageAttachment.objects.filter(sha256__in=hashes).values_list("sha256", flat=True))
    named |= set(
        InboundMessage.objects.filter(payload_file__in=hashes).values_list("payload_file", flat=True)
    )
    gone = [files.path_of(each) for each in hashes if each not in named]
    for path in gone:
        path.unlink(missing_ok=True)
    return len(gone)


def _remove_contacts(contacts: Collection[int]) -> int:
    """Remove who took part in demonstration tickets only, and the companies nobody is left of."""
    people = {facts["address"] for facts in [*cast()["customers"].values(), *cast()["strangers"].values()]}
    theirs = Q(pk__in=contacts) | Q(addresses__value__in=people)
    still_here = Exists(Participant.objects.filter(contact=OuterRef("pk")))
    writes = Exists(Ticket.objects.filter(contact=OuterRef("pk")))
    gone = list(
        Contact.objects.filter(theirs).exclude(still_here | writes).values_list("pk", flat=True).distinct()
    )
    Contact.objects.filter(pk__in=gone).delete()
    names = {facts["company"] for facts in cast()["customers"].values()}
    Organization.objects.filter(name__in=names, contacts=None).delete()
    return len(gone)


def _remove_team() -> int:
    """Delete the team; switch off whom a row that stays names. Return how many were switched off."""
    switched_off = 0
    for person in User.objects.filter(email__in=team_addresses().values()):
        end_access(person)
        if _is_named(person):
            switched_off += User.objects.filter(pk=person.pk, is_active=True).update(is_active=False)
        else:
            person.delete()
    return switched_off


def _is_named(person: User) -> bool:
    """Whether something that stays was done by this person."""
    return (
        ThreadEntry.objects.filter(author=person).exists()
        or TicketEvent.objects.filter(actor=person).exists()
        or Ticket.objects.filter(assignee=person).exists()
        or AuditEntry.objects.filter(actor=person).exists()
        or Invitation.objects.filter(invited_by=person).exists()
    )
