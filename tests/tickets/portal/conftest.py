"""Decides how a customer gets in, in tests: by a link of a mail that really left."""

import email
import email.policy
import re

import pytest
from django.test import Client

from channels_inbox.models import OutboundMessage
from tickets.models import EntryDelivery

LINK = re.compile(r"https?://[^/\s]+(/t/[\w-]+)")


def link_in(row: OutboundMessage) -> str:
    """Return the path of the tracking link a mail carries."""
    mail = email.message_from_bytes(bytes(row.payload), policy=email.policy.default)
    return LINK.search(mail.get_body(("plain",)).get_content())[1]


def link_to(ticket) -> str:
    """Return the path of the link in the newest mail to the ticket's customer."""
    mails = EntryDelivery.objects.filter(entry__ticket=ticket, contact=ticket.contact).values("outbound")
    return link_in(OutboundMessage.objects.filter(pk__in=mails).order_by("-id")[0])


@pytest.fixture
def enter():
    """Open a ticket's page as its customer does, by the newest mail about it; returns the browser and the path."""

    def run(ticket, client: Client | None = None) -> tuple[Client, str]:
        client = client or Client()
        answer = client.get(link_to(ticket))
        assert answer.status_code == 302
        return client, answer["Location"]

    return run
