"""Decides what the tests of accounts share: mails through the outbox, a fast clock of codes, browsers of people."""

import email
import email.policy
import re

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.test import Client
from django.urls import reverse

from channels_inbox.models import OutboundMessage
from helpdesk.accounts import second_factor
from helpdesk.people.models import AuditEntry

PASSWORD = "uma frase de teste"


@pytest.fixture(autouse=True)
def _outbox(settings):
    settings.EMAIL_BACKEND = "channels_inbox.account_mail.OutboxBackend"


@pytest.fixture
def sign_in():
    """Post mail and password from a browser: `sign_in("livia@equipe.example")` → (client, response)."""

    def run(address: str, password: str = PASSWORD, *, client: Client | None = None, **extra):
        client = client or Client()
        fields = {"email": address, "password": password, **extra.pop("fields", {})}
        return client, client.post(reverse("account_login"), fields, **extra)

    return run


@pytest.fixture
def with_totp():
    """Give a person a second factor; returns a function that says the code `ahead` steps from now."""

    def run(user):
        secret = second_factor.generate_totp_secret()
        step = next(iter(yield_hotp_counters_from_time()))
        assert second_factor.activate(user, secret, format_hotp_value(hotp_value(secret, step)))
        return lambda ahead=1: format_hotp_value(
            hotp_value(secret, list(yield_hotp_counters_from_time())[ahead])
        )

    return run


def last_mail():
    """Return the newest mail that may leave."""
    row = OutboundMessage.objects.filter(state="queued").order_by("-id").first()
    return email.message_from_bytes(bytes(row.payload), policy=email.policy.default)


def link_of(message) -> str:
    """Return the path of the link in an account mail."""
    text = message.get_body(("plain",)).get_content()
    return re.search(r"https?://[^/\s]+(/\S+)", text).group(1)


def audited() -> list[str]:
    return list(AuditEntry.objects.order_by("id").values_list("kind", flat=True))
