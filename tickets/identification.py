"""Decides when a customer counts as identified: name, request, and company or the word that there is none (R-003)."""

from django.db import transaction

from helpdesk.people.models import Contact, Organization, User
from tickets import events
from tickets.models import Ticket
from tickets.permissions import require


def identify_customer(
    ticket: Ticket, *, actor: User, name: str, organization: str, not_a_customer: bool
) -> Ticket:
    """Write who the customer is; the ticket's mark goes when nothing is missing. Raises `PermissionDenied`.

    A company is found by its name whatever the case, and made when there is none.
    """
    require(actor, "contact_write")
    with transaction.atomic():
        # The person before the ticket, as everywhere: a mail of that person may be arriving.
        contact = Contact.objects.select_for_update(no_key=True).get(pk=ticket.contact_id)
        ticket = Ticket.objects.select_for_update(no_key=True).get(pk=ticket.pk)
        contact.name = " ".join(name.split())[:200]
        contact.organization = _company(organization)
        contact.not_a_customer = not_a_customer and contact.organization is None
        contact.save(update_fields=["name", "organization", "not_a_customer"])
        whole = bool(contact.name and ticket.subject and (contact.organization_id or contact.not_a_customer))
        if ticket.identification_pending == whole:
            ticket.identification_pending = not whole
            ticket.save(update_fields=["identification_pending"])
        events.record("identified", ticket, actor=actor)
    return ticket


def _company(name: str) -> Organization | None:
    name = " ".join(name.split())[:200]
    if not name:
        return None
    return Organization.objects.filter(name__iexact=name).order_by(
        "id"
    ).first() or Organization.objects.create(name=name)
