"""What the tests of matching and of returned mail share: a ticket that was answered."""

import email
import email.policy

import pytest

from channels_inbox.models import OutboundMessage
from channels_inbox.outbox import deliver_due
from tests.flows.answered import COPIED, MARINA
from tickets import conversation


@pytest.fixture
def case(arrive, person, travel):
    """A ticket of Marina with a copied accountant and one reply of ours that left."""

    class Case:
        entry = arrive(sender=MARINA, cc=COPIED, message_id="raiz@trigal.example")
        ticket = entry.ticket

    conversation.reply(Case.ticket, actor=person("livia"), text="Vou verificar.")
    travel(seconds=20)
    while deliver_due():
        pass
    mine = OutboundMessage.objects.filter(purpose="reply").order_by("id")
    Case.reply_id = mine.get(recipient="marina@trigal.example").message_id
    Case.reply_to = (
        email.message_from_bytes(
            bytes(mine.get(recipient="marina@trigal.example").payload), policy=email.policy.default
        )["Reply-To"]
        .addresses[0]
        .addr_spec
    )
    Case.copied_id = mine.get(recipient="contador@exato.example").message_id
    Case.sent = OutboundMessage.objects.count()
    Case.ticket.refresh_from_db()
    return Case
