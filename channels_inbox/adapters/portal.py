"""Decides what the pages of the customer are as a channel: words come in by form, answers leave by mail."""

import json

from django.utils.translation import gettext_lazy as _

from channels_inbox.adapters.base import Adapter, DeliveryError, ParsedMessage, Person
from channels_inbox.models import Channel, OutboundMessage

LINK_REQUEST = "link_request"


def portal_channel() -> Channel:
    """Return the channel of the customer's pages, made when an installation has none yet."""
    return Channel.objects.get_or_create(
        key="portal", defaults={"kind": "portal", "name": "Página do chamado"}
    )[0]


class PortalAdapter(Adapter):
    """The ticket page and the help form."""

    kind = "portal"
    label = _("Ticket page")
    capabilities = frozenset({"attachments"})

    def parse(self, payload: bytes) -> ParsedMessage:
        """A stored form: JSON with address, name, subject and text, or the request for another link."""
        form = json.loads(payload)
        if form.get("kind") == LINK_REQUEST:
            return ParsedMessage(
                kind=LINK_REQUEST, sender=Person(form["address"]), hint_text=form.get("protocol", "")
            )
        return ParsedMessage(
            kind="message",
            sender=Person(form["address"], form.get("name", "")),
            subject=form.get("subject", ""),
            text=form["text"],
        )

    def send(self, outbound: OutboundMessage) -> str:
        raise DeliveryError("the ticket page sends nothing by itself", permanent=True)
