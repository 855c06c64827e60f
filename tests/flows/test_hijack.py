"""Mail that lies in wait for somebody else's mail gains nothing, and loses nothing of anybody (A10, A11, A23)."""

import pytest

from channels_inbox.mailbox_ids import reply_address
from helpdesk.people.models import ContactAddress
from tickets.dispatch import recipients_of
from tickets.models import Participant

pytestmark = pytest.mark.django_db
MARINA = "Marina Prado <marina@trigal.example>"
STRANGER = "Estranho <estranho@fora.example>"


def test_a_stranger_who_names_a_mail_to_come_does_not_get_it(arrive):
    # A10: the stranger saw the mail's id in a copy of it and was faster; the victim stands in copy
    trap = arrive(sender=STRANGER, cc=MARINA, in_reply_to="segredo@trigal.example")
    assert Participant.objects.filter(ticket=trap.ticket, contact__addresses__value="marina@trigal.example")
    real = arrive(sender=MARINA, message_id="segredo@trigal.example", text="Nosso extrato em anexo.")
    assert real.ticket_id != trap.ticket_id
    assert real.ticket.possible_follow_up_of_id == trap.ticket_id  # for one click, by a person


def test_the_same_trap_without_copy_shows_nothing(arrive):
    trap = arrive(sender=STRANGER, in_reply_to="segredo@trigal.example")
    real = arrive(sender=MARINA, message_id="segredo@trigal.example", text="Nosso extrato em anexo.")
    assert real.ticket_id != trap.ticket_id


def test_a_reused_message_id_takes_nothing_over(arrive):
    # A10: the stranger's own mail carries the id of the victim's, before and after it
    first = arrive(sender=STRANGER, message_id="dela@trigal.example", text="antes")
    real = arrive(sender=MARINA, message_id="dela@trigal.example", text="Pedido 1932.")
    last = arrive(sender=STRANGER, message_id="dela@trigal.example", text="depois")
    assert len({first.ticket_id, real.ticket_id, last.ticket_id}) == 3
    later = arrive(sender=MARINA, in_reply_to="dela@trigal.example", text="Mais uma coisa.")
    assert later.ticket_id == real.ticket_id


def test_a_person_taken_out_does_not_come_back_through_a_merged_ticket(arrive, person):
    # R-134, A11: taking part in what was merged away is no part in the ticket that goes on
    from tickets.follow_up import join

    root = arrive(sender=MARINA, message_id="raiz@trigal.example").ticket
    aside = arrive(sender=STRANGER, in_reply_to="raiz@trigal.example", message_id="meu@fora.example")
    merged = aside.ticket_id
    join(aside.ticket, actor=person("paula", "leader"))
    assert arrive(sender=STRANGER, in_reply_to="meu@fora.example", text="sim").ticket_id == root.pk
    Participant.objects.filter(ticket=root, contact=aside.contact).update(removed=True)
    key = reply_address("suporte@presteza.example", merged, aside.contact_id)
    for number, proof in enumerate([{"in_reply_to": "meu@fora.example"}, {"to": key}]):
        assert arrive(sender=STRANGER, text=f"de novo {number}", **proof).ticket_id != root.pk


def test_an_address_that_came_back_is_the_last_one_written_to(arrive):
    entry = arrive(sender=MARINA)
    old = ContactAddress.objects.get(value="marina@trigal.example")
    ContactAddress.objects.create(contact=entry.contact, kind="email", value="nova@trigal.example")
    ContactAddress.objects.filter(pk=old.pk).update(bounced_at=entry.created_at)
    to, _cc = recipients_of(entry.ticket, to_all=True)
    assert [each.address for each in to] == ["nova@trigal.example"]
