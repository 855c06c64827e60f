"""A mail comes in, the analyst answers, the customer answers again: one ticket."""

import email
import email.policy

import pytest

from channels_inbox.models import InboundMessage, OutboundMessage
from channels_inbox.outbox import deliver_due
from tickets import conversation
from tickets.models import ThreadEntry, Ticket

pytestmark = pytest.mark.django_db(transaction=True)


def sent_mail(row):
    return email.message_from_bytes(bytes(row.payload), policy=email.policy.default)


def test_mail_becomes_ticket_reply_leaves_and_answer_returns(arrive, person, travel):
    #
    entry = arrive(cc="Contador Exato <contador@exato.example>")
    ticket = entry.ticket
    assert InboundMessage.objects.get().state == "done"
    assert ticket.department.key == "suporte"
    assert ticket.protocol.endswith("-1")
    assert ticket.subject == "NF-e rejeitada com código 539"
    assert "rejeição 539" in entry.text
    acknowledgement = OutboundMessage.objects.get(purpose="auto")
    assert ticket.protocol in sent_mail(acknowledgement).get_body(("plain",)).get_content()

    livia = person("livia")
    conversation.reply(ticket, actor=livia, text="Marina, vou **reenviar** a nota até 10h30.")
    travel(seconds=20)
    while deliver_due():
        pass
    mine = OutboundMessage.objects.filter(purpose="reply").order_by("id")
    assert [row.recipient for row in mine] == ["marina@trigal.example", "contador@exato.example"]
    assert {row.state for row in mine} == {"sent"}
    to_customer, to_copy = (sent_mail(row) for row in mine)
    assert "/t/" in to_customer.get_body(("plain",)).get_content()
    assert "/t/" not in to_copy.get_body(("plain",)).get_content()  # A11
    assert to_customer["In-Reply-To"]
    assert to_customer["To"] == to_copy["To"]

    answer = arrive(subject="Re: qualquer coisa", text="Obrigada", in_reply_to=mine[0].message_id)
    assert answer.ticket_id == ticket.pk
    assert Ticket.objects.count() == 1
    assert ThreadEntry.objects.filter(ticket=ticket, kind="customer").count() == 2
