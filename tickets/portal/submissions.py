"""Decides what a customer's form becomes: a message on the ticket, a new linked ticket, or a first ticket.

Every form carries a key; the same key again returns what stands. The contact's row is locked first, as for mail,
so that two messages of one person never open two tickets.
"""

from datetime import timedelta

from django.db import transaction

from channels_inbox.adapters.base import Attachment, ParsedMessage, Person
from channels_inbox.adapters.portal import portal_channel
from channels_inbox.models import Channel
from helpdesk.lib.clock import app_now
from helpdesk.people.contacts import identify
from helpdesk.people.models import Contact
from tickets import events, lifecycle
from tickets.letters import Letter, add_letter
from tickets.matching import REOPEN_DAYS
from tickets.models import Department, ThreadEntry, Ticket
from tickets.models.ticket import Status
from tickets.portal.access import Access
from tickets.tracking import mint_row, revoke_links

Files = tuple[Attachment, ...]


def write_reply(access: Access, *, text: str, files: Files, key: str) -> Access:
    """Add a customer's message to the ticket (D.8), or open a linked one when it is closed too long (R-006).

    Returns the access of the ticket that now holds the message. Raises `Ticket.DoesNotExist` when it is gone.
    """
    idem_key = f"portal:{access.contact.pk}:{key}"
    with transaction.atomic():
        contact = Contact.objects.select_for_update(no_key=True).get(pk=access.contact.pk)
        contact.locked_at = app_now()
        standing = ThreadEntry.objects.filter(idem_key=idem_key).select_related("ticket").first()
        if standing is not None:
            return _access_to(access, standing.ticket)
        ticket = Ticket.objects.select_for_update(no_key=True).get(pk=access.ticket.pk)
        if ticket.merged_into_id:  # merged while the customer was writing
            ticket = Ticket.objects.select_for_update(no_key=True).get(pk=ticket.merged_into_id)
        channel, opened = portal_channel(), False
        if _too_long_closed(ticket, contact):
            ticket, opened = _open_follow_up(ticket, contact, channel), True
        said = _as_message(contact.name, subject=ticket.subject, text=text, files=files)
        _add(ticket, said, contact=contact, channel=channel, opened=opened, idem_key=idem_key)
        return _access_to(access, ticket)


def _too_long_closed(ticket: Ticket, contact: Contact) -> bool:
    if ticket.status != Status.CLOSED or ticket.closed_at is None:
        return False
    return contact.locked_at - ticket.closed_at > timedelta(days=REOPEN_DAYS)


def _open_follow_up(ticket: Ticket, contact: Contact, channel: Channel) -> Ticket:
    return lifecycle.open_ticket(
        contact=contact,
        department=ticket.department,
        subject=ticket.subject,
        now=contact.locked_at,
        channel=channel,
        possible_follow_up_of=ticket,
    )


def _access_to(access: Access, ticket: Ticket) -> Access:
    """Return the same person's access to the ticket; another ticket needs a token row of its own."""
    if ticket.pk in (access.ticket.pk, access.token.ticket_id):
        return access
    return Access(mint_row(ticket, access.contact), ticket, access.contact)


def _as_message(
    name: str, *, subject: str, text: str, files: Files, address: str = "", language: str = ""
) -> ParsedMessage:
    return ParsedMessage(
        kind="message",
        sender=Person(address, name),
        subject=subject,
        text=text.replace("\x00", ""),
        attachments=files,
        language=language,
    )


def open_from_form(
    *,
    name: str,
    email: str,
    department: Department,
    subject: str,
    text: str,
    files: Files,
    key: str,
    language: str,
) -> Ticket:
    """Open a ticket from the help form; return it. Anybody may write, in anybody's name: nothing is shown (A23)."""
    with transaction.atomic():
        contact, _created = identify("email", email, name=name, language=language)
        idem_key = f"form:{contact.pk}:{key}"  # the key alone may come back with another address
        standing = ThreadEntry.objects.filter(idem_key=idem_key).select_related("ticket").first()
        if standing is not None:
            return standing.ticket
        channel = portal_channel()
        ticket = lifecycle.open_ticket(
            contact=contact, department=department, subject=subject, now=contact.locked_at, channel=channel
        )
        said = _as_message(name, subject=subject, text=text, files=files, address=email, language=language)
        _add(ticket, said, contact=contact, channel=channel, opened=True, idem_key=idem_key)
        return ticket


def _add(
    ticket: Ticket, said: ParsedMessage, *, contact: Contact, channel: Channel, opened: bool, idem_key: str
) -> None:
    """Add what a (locked) customer typed to a locked ticket, or to the one just opened for it."""
    add_letter(
        Letter(
            ticket,
            said,
            now=contact.locked_at,
            contact=contact,
            channel=channel,
            opened=opened,
            idem_key=idem_key,
        )
    )


def cancel_links(access: Access) -> Access:
    """Revoke every link and cookie of the ticket, and give this browser a row of its own (R-130).

    The link in use dies with the others, because it lies in a mail somebody may have forwarded; the person who
    asked stays in by a cookie whose token nobody holds.
    """
    with transaction.atomic():
        rows = Ticket.objects.select_for_update(no_key=True, of=("self",))
        ticket = rows.select_related("department", "assignee").get(pk=access.ticket.pk)
        revoke_links(ticket)
        events.record("links_revoked", ticket, data={"by": "customer"})
        return Access(mint_row(ticket, access.contact), ticket, access.contact)
