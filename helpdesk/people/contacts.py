"""Decides which person an address belongs to, and locks that person for the rest of the transaction (R-008).

Plain SQL: this is asked for every message that arrives, under the lock everything else waits for. That lock is
`NO KEY UPDATE`: it keeps out every other conversation of the person, but not rows of others that merely point at the
person, so that two messages which copy each other's senders never wait in a circle. The order everywhere is: new
people, the locked people, the tickets, the outbox; and several of a kind in the order of their addresses or keys.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import connection

from helpdesk.people.models import Contact

FIELDS = ("id", "name", "organization_id", "not_a_customer", "language", "created_at")
# The time is told outside, where each row comes out locked: whoever waited for the lock reads the time after it.
FIND = f"""
SELECT held.*, app_now() FROM (
  SELECT a.value, {", ".join(f"c.{name}" for name in FIELDS)}
    FROM people_contactaddress a JOIN people_contact c ON c.id = a.contact_id
   WHERE a.kind = %s AND a.value = ANY(%s)
   ORDER BY c.id FOR NO KEY UPDATE OF c
) AS held
"""  # noqa: S608
# The address comes first: whoever loses the race has written nothing that would have to be removed again.
CREATE = f"""
WITH wanted AS (
  SELECT * FROM unnest(%s::text[], %s::text[]) AS person (value, name)
), address AS (
  INSERT INTO people_contactaddress (contact_id, kind, value, bounce_reason)
  SELECT nextval(pg_get_serial_sequence('people_contact', 'id')), %s, value, '' FROM wanted
  ON CONFLICT (kind, value) DO NOTHING RETURNING contact_id, value
), contact AS (
  INSERT INTO people_contact (id, name, not_a_customer, language, created_at)
  SELECT contact_id, name, false, %s, app_now() FROM address JOIN wanted USING (value) RETURNING {", ".join(FIELDS)}
)
SELECT value, {", ".join(FIELDS)}, created_at FROM contact JOIN address ON contact_id = id
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
    found = _find_locked(kind, [value])
    made = {} if found else _create(kind, {value: name}, language=language)
    contact = (found or made or _find_locked(kind, [value])).get(value)
    if contact is None:
        raise LookupError("the contact was removed while it was looked up")
    _fill_name(contact, name)
    return contact, bool(made)


def gather(
    kind: str, senders: Mapping[str, str], copied: Mapping[str, str], *, language: str = "pt-br"
) -> tuple[dict[str, Contact], dict[str, int]]:
    """Find or create all people of several messages (canonical address → name) and lock the senders, as `identify`
    locks one; return address → contact of the senders, and address → contact id of those in copy.

    Who is in copy is not locked. New rows are written in the order of their addresses and locks are taken in the
    order of the contacts, so that nobody who gathers people waits in a circle. Four statements at most, two when
    everybody is known.
    """
    names = {**copied, **senders}
    known = _known(kind, names)
    missing = sorted(set(names) - set(known))
    made = _create(kind, {value: names[value] for value in missing}, language=language) if missing else {}
    if len(made) < len(missing):  # another worker was faster
        known |= _known(kind, missing)
    known |= {value: contact.pk for value, contact in made.items()}
    found = {value: contact for value, contact in made.items() if value in senders}
    if waiting := [value for value in senders if value not in found]:
        found |= _find_locked(kind, waiting)
    if len(found) < len(senders):
        raise LookupError("a contact was removed while it was looked up")
    for value, contact in found.items():
        _fill_name(contact, senders[value])
    return found, {value: known[value] for value in copied}


def _fill_name(contact: Contact, name: str) -> None:
    if name and not contact.name:
        contact.name = name[:200]
        contact.save(update_fields=["name"])


def _known(kind: str, values: Iterable[str]) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(KNOWN, [kind, list(values)])
        return dict(cursor.fetchall())


def _find_locked(kind: str, values: list[str]) -> dict[str, Contact]:
    """Lock the contacts of these addresses, in the order of their keys; two addresses of one person share theirs."""
    with connection.cursor() as cursor:
        cursor.execute(FIND, [kind, values])
        rows = cursor.fetchall()
    contacts = {row[1]: _contact(row) for row in rows}
    return {row[0]: contacts[row[1]] for row in rows}


def _create(kind: str, people: Mapping[str, str], *, language: str) -> dict[str, Contact]:
    """Create contact and address of each (address → name) in one statement; whom another worker made is left out."""
    names = [name[:200] for name in people.values()]
    with connection.cursor() as cursor:
        cursor.execute(CREATE, [list(people), names, kind, language])
        return {row[0]: _contact(row) for row in cursor.fetchall()}


def _contact(row: tuple[Any, ...]) -> Contact:
    """Make a contact of (address, its fields, the moment of the lock)."""
    contact = Contact.from_db("default", FIELDS, row[1:-1])
    contact.locked_at = row[-1]
    return contact
