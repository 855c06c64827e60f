"""Decides which person an address belongs to, and locks that person for the rest of the transaction (R-008).

Two statements of plain SQL: this is asked for every message that arrives, under the lock everything else waits for.
"""

from typing import Any

from django.db import connection

from helpdesk.people.models import Contact

FIELDS = ("id", "name", "organization_id", "not_a_customer", "language", "created_at")
FIND = f"""
SELECT {", ".join(f"c.{name}" for name in FIELDS)}, app_now()
  FROM people_contactaddress a JOIN people_contact c ON c.id = a.contact_id
 WHERE a.kind = %s AND a.value = %s
   FOR UPDATE OF c
"""  # noqa: S608
CREATE = f"""
WITH person AS (
  INSERT INTO people_contact (name, not_a_customer, language, created_at)
  VALUES (%s, false, %s, app_now()) RETURNING {", ".join(FIELDS)}
), address AS (
  INSERT INTO people_contactaddress (contact_id, kind, value, bounce_reason)
  SELECT id, %s, %s, '' FROM person ON CONFLICT (kind, value) DO NOTHING RETURNING contact_id
)
SELECT person.*, person.created_at, address.contact_id FROM person LEFT JOIN address ON true
"""  # noqa: S608


def canonical_email(address: str) -> str:
    """Return the comparable form of a mail address: trimmed, lower case."""
    return address.strip().lower()


def identify(kind: str, value: str, *, name: str = "", language: str = "pt-br") -> tuple[Contact, bool]:
    """Find or create the contact of an address and lock the row; return (contact, created).

    Must run inside a transaction: the lock is the one lock of that contact, and lasts until commit. A missing
    name is filled from `name`, an existing one is never overwritten. `contact.locked_at` is the moment of the
    lock on the database clock.
    """
    contact = _find_locked(kind, value)
    if contact is None:
        contact = _create(kind, value, name=name, language=language)
        if contact is not None:
            return contact, True
        contact = _find_locked(kind, value)
    if contact is None:
        raise LookupError("the contact was removed while it was looked up")
    if name and not contact.name:
        contact.name = name[:200]
        contact.save(update_fields=["name"])
    return contact, False


def _find_locked(kind: str, value: str) -> Contact | None:
    with connection.cursor() as cursor:
        cursor.execute(FIND, [kind, value])
        row = cursor.fetchone()
    return _contact(row) if row else None


def _create(kind: str, value: str, *, name: str, language: str) -> Contact | None:
    """Create contact and address in one statement; None when another worker was faster (and ours is gone again)."""
    with connection.cursor() as cursor:
        cursor.execute(CREATE, [name[:200], language, kind, value])
        row = cursor.fetchone()
    contact = _contact(row)
    if row[-1] is None:
        contact.delete()
        return None
    return contact


def _contact(row: tuple[Any, ...]) -> Contact:
    contact = Contact.from_db("default", FIELDS, row[: len(FIELDS)])
    contact.locked_at = row[len(FIELDS)]
    return contact
