"""Decides what the pages of the customer are as a channel: words come in by form, answers leave by mail."""

import json

from django.utils.translation import gettext_lazy as _

from channels_inbox.adapters.base import Adapter, DeliveryError, ParsedMessage, Person
from channels_inbox.models import OutboundMessage


class PortalAdapter(Adapter):
    """The ticket page and the help form."""

    kind = "portal"
    label = _("Ticket page")
    capabilities = frozenset({"attachments"})

    def parse(self, payload: bytes) -> ParsedMessage:
        """A stored form: JSON with address, name, subject and text."""
        form = json.loads(payload)
        return ParsedMessage(
            kind="message",
            sender=Person(form["address"], form.get("name", "")),
            subject=form.get("subject", ""),
            text=form["text"],
        )

    def send(self, outbound: OutboundMessage) -> str:
        raise DeliveryError("the ticket page sends nothing by itself", permanent=True)
