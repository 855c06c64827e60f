"""Decides which secrets of mail providers hold: the environment's, and the two newest of each kind on screen (R-147).

Two hold at a time, so that the provider's side can change in peace; a third ends the first.
"""

import secrets

from django.conf import settings
from django.db import transaction

from channels_inbox.models import ProviderSecret
from helpdesk.lib.encryption import decrypt_json, encrypt_json

ADDRESS, MAILGUN = ProviderSecret.Kind.ADDRESS, ProviderSecret.Kind.MAILGUN
VALID = 2
_IN_ENVIRONMENT = {ADDRESS: "WEBHOOK_SECRET", MAILGUN: "MAILGUN_WEBHOOK_SIGNING_KEY"}


def valid_secrets(kind: str) -> list[str]:
    """Return every secret of a kind that proves a call now; never an empty one."""
    known = settings.ANYMAIL.get(_IN_ENVIRONMENT[ProviderSecret.Kind(kind)]) or ()
    given = [known] if isinstance(known, str) else list(known)
    kept = ProviderSecret.objects.filter(kind=kind).order_by("-id")[:VALID]
    return [each for each in [*given, *(open_secret(row) for row in kept)] if each]


def open_secret(row: ProviderSecret) -> str:
    """Return the secret itself. Never shown again, logged or serialised."""
    return decrypt_json(bytes(row.sealed))["secret"]


def new_address_secret() -> str:
    """Return a fresh `name:password` that needs no escaping in an address."""
    return f"presteza:{secrets.token_urlsafe(24)}"


def keep_secret(row: ProviderSecret, secret: str) -> None:
    """Store a new secret beside the newest of its kind; older ones hold no more."""
    with transaction.atomic():
        row.sealed = encrypt_json({"secret": secret})
        row.save()
        held = ProviderSecret.objects.filter(kind=row.kind).order_by("-id").values_list("pk", flat=True)
        ProviderSecret.objects.filter(kind=row.kind).exclude(pk__in=list(held[:VALID])).delete()
