"""Decides which person an address belongs to, and locks that person for the rest of the transaction (R-008).

Plain SQL: this is asked for every message that arrives, under the lock everything else waits for. That lock is
`NO KEY UPDATE`: it keeps out every other conversation of the person, but not rows of others that merely point at the
person, so that two messages which copy each other's senders never wait in a circle. The order everywhere is: new
people, the one locked person, the ticket, the outbox.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import connection

from helpdesk.people.models import Contact

FIELDS = ("id", "name", "organization_id", "not_a_customer", "language", "created_at")
FIND = f"""
SELECT {", ".join(f"c.{name}" for name in FIELDS)}, app_now()
  FROM people_contact c
 WHERE c.id = (SELECT contact_id FROM people_contactaddress WHERE kind = %s AND value = %s)
   FOR NO KEY UPDATE OF c
"""  # noqa: S608
# The address comes first: whoever loses the race has written nothing that would have to be removed again.
CREATE = f"""
WITH address AS (
  INSERT INTO people_contactaddress (contact_id, kind, value, bounce_reason)
  VALUES (nextval(pg_get_serial_sequence('people_contact', 'id')), %s, %s, '')
  ON CONFLICT (kind, value) DO NOTHING RETURNING contact_id
)
INSERT INTO people_contact (id, name, not_a_customer, language, created_at)
SELECT contact_id, %s, false, %s, app_now() FROM address RETURNING {", ".join(FIELDS)}, created_at
"""  # noqa: S608
KNOWN = "SELECT value, contact_id FROM people_contactaddress WHERE kind = %s AND value = ANY(%s)"


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


def meet(kind: str, people: Mapping[str, str], *, language: str = "pt-br") -> dict[str, int]:
    """Return address → contact id of several people (canonical address → name), creating who is missing.

    Locks nobody. Must come before `identify` in a transaction that calls both, with the sender among the people: new
    rows are written in the order of their addresses, so that two messages which bring the same new people do not
    wait for each other.
    """
    known = _known(kind, people)
    missing = sorted(set(people) - set(known))
    for value in missing:
        _create(kind, value, name=people[value], language=language)
    return known | _known(kind, missing) if missing else known


def _known(kind: str, values: Iterable[str]) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(KNOWN, [kind, list(values)])
        return dict(cursor.fetchall())


def _find_locked(kind: str, value: str) -> Contact | None:
    with connection.cursor() as cursor:
        cursor.execute(FIND, [kind, value])
        row = cursor.fetchone()
    return _contact(row) if row else None


def _create(kind: str, value: str, *, name: str, language: str) -> Contact | None:
    """Create contact and address in one statement; None when another worker was faster."""
    with connection.cursor() as cursor:
        cursor.execute(CREATE, [kind, value, name[:200], language])
        row = cursor.fetchone()
    return _contact(row) if row else None


def _contact(row: tuple[Any, ...]) -> Contact:
    contact = Contact.from_db("default", FIELDS, row[: len(FIELDS)])
    contact.locked_at = row[len(FIELDS)]
    return contact
