"""Decides how our own mail proves itself when it comes back: signed Message-IDs and signed reply addresses (R-128).

A proof names a ticket and one participant and carries a signature over both; a guessed or altered one is nothing.
Keys rotate with overlap (`SIGNING_KEYS`).
"""

import re
import secrets
from collections.abc import Iterable

from helpdesk.lib.signing import sign, verify

SIGNATURE_LENGTH = 20
_MESSAGE_ID = re.compile(r"^<?t(\d{1,18})\.(\d{1,18})\.([a-z0-9]{8,20})\.([a-z2-7]{20})@", re.IGNORECASE)
_PROBE = re.compile(r"^<?probe(\d{1,18})\.([a-f0-9]{16})\.([a-z2-7]{20})@", re.IGNORECASE)
_ADDRESS = re.compile(r"\+t(\d{1,18})-(\d{1,18})-([a-z2-7]{20})@", re.IGNORECASE)


def new_message_id(ticket_id: int, contact_id: int, *, domain: str) -> str:
    """Return a fresh signed Message-ID (without angle brackets) for one participant of one ticket."""
    nonce = secrets.token_hex(8)
    signature = sign("message-id", str(ticket_id), str(contact_id), nonce, length=SIGNATURE_LENGTH)
    return f"t{ticket_id}.{contact_id}.{nonce}.{signature}@{domain}"


def reply_address(address: str, ticket_id: int, contact_id: int) -> str:
    """Return `address` with a signed tag for one participant: what the participant's answer is sent to."""
    local, _at, domain = address.partition("@")
    signature = sign("reply-address", str(ticket_id), str(contact_id), length=SIGNATURE_LENGTH)
    return f"{local}+t{ticket_id}-{contact_id}-{signature}@{domain}"


def find_proofs(values: Iterable[str]) -> list[tuple[int, int]]:
    """Return the (ticket id, contact id) pairs proved by message ids and addresses, in order, each once."""
    proofs: dict[tuple[int, int], None] = {}
    for value in values:
        found = _MESSAGE_ID.match(value)
        if found:
            ticket, contact, nonce, signature = found.groups()
            good = verify("message-id", ticket, contact, nonce.lower(), signature=signature.lower())
        else:
            found = _ADDRESS.search(value)
            if not found:
                continue
            ticket, contact, signature = found.groups()
            good = verify("reply-address", ticket, contact, signature=signature.lower())
        if good:
            proofs[int(ticket), int(contact)] = None
    return list(proofs)


def new_probe_id(channel_id: int, *, domain: str) -> str:
    """Return a fresh signed Message-ID for a mail a channel sends to itself (R-149)."""
    nonce = secrets.token_hex(8)
    signature = sign("probe", str(channel_id), nonce, length=SIGNATURE_LENGTH)
    return f"probe{channel_id}.{nonce}.{signature}@{domain}"


def is_probe_id(message_id: str, channel_id: int) -> bool:
    """Whether a Message-ID is one of this channel's probes."""
    found = _PROBE.match(message_id)
    if found is None or int(found[1]) != channel_id:
        return False
    return verify("probe", found[1], found[2].lower(), signature=found[3].lower())


def base_address(address: str) -> str:
    """Return an address of ours without its signed tag."""
    local, at, domain = address.partition("@")
    return f"{local.partition('+t')[0]}{at}{domain}" if _ADDRESS.search(address) else address
