"""Decides which person an address belongs to, and locks that person for the rest of the transaction (R-008)."""

from django.db import IntegrityError, transaction

from helpdesk.lib.clock import AppNow
from helpdesk.people.models import Contact, ContactAddress


def canonical_email(address: str) -> str:
    """Return the comparable form of a mail address: trimmed, lower case."""
    return address.strip().lower()


def identify(kind: str, value: str, *, name: str = "", language: str = "pt-br") -> tuple[Contact, bool]:
    """Find or create the contact of an address and lock the row; return (contact, created).

    Must run inside a transaction: the lock is the one lock of that contact, and lasts until commit. A missing
    name is filled from `name`, an existing one is never overwritten. `contact.locked_at` is the moment of the lock
    on the database clock.
    """
    contact = _find_locked(kind, value)
    if contact is None:
        contact, created = _create(kind, value, name=name, language=language)
        if created:
            return contact, True
    if name and not contact.name:
        contact.name = name[:200]
        contact.save(update_fields=["name"])
    return contact, False


def _find_locked(kind: str, value: str) -> Contact | None:
    found = Contact.objects.filter(addresses__kind=kind, addresses__value=value)
    return found.annotate(locked_at=AppNow()).select_for_update(of=("self",)).order_by().first()


def _create(kind: str, value: str, *, name: str, language: str) -> tuple[Contact, bool]:
    """Create contact and address; when another worker was faster, take (and lock) theirs."""
    try:
        with transaction.atomic():
            contact = Contact.objects.create(name=name[:200], language=language)
            ContactAddress.objects.create(contact=contact, kind=kind, value=value)
            contact.locked_at = contact.created_at
    except IntegrityError:
        found = _find_locked(kind, value)
        if found is None:
            raise
        return found, False
    return contact, True
