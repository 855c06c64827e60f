"""Replies, notes, undo and the acknowledgement, by what leaves and what is stored."""

import email
import email.policy

import pytest
from django.core.exceptions import PermissionDenied

from channels_inbox.models import OutboundMessage
from channels_inbox.outbox import deliver_due
from tickets import conversation
from tickets.dispatch import NothingToSend
from tickets.models import SystemText, ThreadEntry, Ticket

pytestmark = pytest.mark.django_db(transaction=True)


def body(row: OutboundMessage, kind: str = "plain") -> str:
    message = email.message_from_bytes(bytes(row.payload), policy=email.policy.default)
    return message.get_body((kind,)).get_content()


def drain() -> None:
    while deliver_due():
        pass


def test_undo_in_time_sends_nothing_and_restores_the_ticket(arrive, person, travel):
    #
    ticket, livia = arrive().ticket, person("livia")
    before = (ticket.status, ticket.unanswered, ticket.waiting_since)
    entry = conversation.reply(ticket, actor=livia, text="Vou ver.", then="waiting_customer")
    travel(seconds=9)
    drain()
    assert conversation.withdraw(entry, actor=livia)
    travel(minutes=5)
    drain()
    assert OutboundMessage.objects.get(purpose="reply").state == "cancelled"
    ticket.refresh_from_db()
    assert (ticket.status, ticket.unanswered, ticket.waiting_since) == before
    assert entry not in ThreadEntry.objects.for_customer()
    assert not conversation.withdraw(entry, actor=livia)


def test_undo_too_late_says_so_and_the_mail_is_out(arrive, person, travel):
    #
    ticket, livia = arrive().ticket, person("livia")
    entry = conversation.reply(ticket, actor=livia, text="Vou ver.")
    travel(seconds=11)
    drain()
    assert not conversation.withdraw(entry, actor=livia)
    assert OutboundMessage.objects.get(purpose="reply").state == "sent"


def test_undo_is_for_the_author_only(arrive, person):
    ticket = arrive().ticket
    entry = conversation.reply(ticket, actor=person("livia"), text="Vou ver.")
    with pytest.raises(PermissionDenied):
        conversation.withdraw(entry, actor=person("caio"))


def test_the_same_key_sends_once(arrive, person):
    ticket, livia = arrive().ticket, person("livia")
    first = conversation.reply(ticket, actor=livia, text="Uma vez.", idem_key="abc")
    again = conversation.reply(ticket, actor=livia, text="Uma vez.", idem_key="abc")
    assert first == again
    assert OutboundMessage.objects.filter(purpose="reply").count() == 1


def test_reply_moves_the_ticket_on_and_resolve_is_one_act(arrive, person):
    #
    ticket, livia = arrive().ticket, person("livia")
    conversation.reply(ticket, actor=livia, text="Feito.", then="resolved", outcome="informacao")
    ticket.refresh_from_db()
    assert (ticket.status, ticket.outcome, ticket.unanswered) == ("resolved", "informacao", False)


def test_a_note_never_leaves(arrive, person):
    ticket = arrive().ticket
    conversation.add_note(ticket, actor=person("livia"), text="marcador-secreto")
    assert not OutboundMessage.objects.filter(purpose="reply").exists()
    assert not ThreadEntry.objects.for_customer().filter(text__contains="marcador-secreto").exists()


def test_nothing_to_say_or_nobody_to_say_it_to(arrive, person):
    ticket, livia = arrive().ticket, person("livia")
    with pytest.raises(NothingToSend):
        conversation.reply(ticket, actor=livia, text="  \n")
    ticket.contact.addresses.all().delete()
    with pytest.raises(NothingToSend):
        conversation.reply(ticket, actor=livia, text="Olá")
    assert ThreadEntry.objects.filter(kind="reply").count() == 0


def test_somebody_of_another_department_cannot_answer(arrive, person):
    #
    ticket = arrive().ticket
    with pytest.raises(PermissionDenied):
        conversation.reply(ticket, actor=person("otto", "agent", "financeiro"), text="Olá")


def test_the_acknowledgement_says_protocol_target_and_link(arrive, travel):
    #
    from datetime import datetime
    from zoneinfo import ZoneInfo

    travel(to=datetime(2026, 11, 24, 10, 0, tzinfo=ZoneInfo("America/Sao_Paulo")))
    ticket = arrive().ticket
    text = body(OutboundMessage.objects.get(purpose="auto"))
    assert ticket.protocol in text
    assert "em até 4 horas úteis" in text
    assert "/t/" in text


def test_the_acknowledgement_after_hours_says_the_next_opening_and_no_target(arrive, travel):
    #
    from datetime import datetime
    from zoneinfo import ZoneInfo

    travel(to=datetime(2026, 11, 20, 21, 0, tzinfo=ZoneInfo("America/Sao_Paulo")))  # a Friday, and a holiday
    arrive()
    text = body(OutboundMessage.objects.get(purpose="auto"))
    assert "segunda, 23/11, às 8h" in text
    assert "horas úteis" not in text


def test_the_stranger_is_never_echoed_and_three_an_hour_is_all(arrive):
    # R-129, A23
    for number in range(5):
        arrive(subject=f"assunto-do-estranho {number}", text="corpo-do-estranho")
    sent = OutboundMessage.objects.filter(purpose="auto")
    assert sent.count() == 3
    assert not any("estranho" in body(row) or "estranho" in body(row, "html") for row in sent)
    assert not any("estranho" in row.subject for row in sent)
    assert Ticket.objects.count() == 5


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto-Submitted": "auto-replied"},
        {"Precedence": "bulk"},
        {"X-Autoreply": "yes"},
        {"Return-Path": "<>"},
    ],
)
def test_a_robot_is_never_answered(arrive, headers):
    #
    ticket = arrive(headers=headers).ticket
    assert not OutboundMessage.objects.exists()
    assert not ticket.unanswered


def test_an_automatic_answer_joins_but_never_reopens(arrive, person, travel):
    #
    ticket, livia = arrive().ticket, person("livia")
    conversation.reply(ticket, actor=livia, text="Feito.", then="resolved")
    reply = OutboundMessage.objects.get(purpose="reply")
    entry = arrive(
        subject="Resposta automática: férias",
        in_reply_to=reply.message_id,
        headers={"Auto-Submitted": "auto-replied"},
    )
    ticket.refresh_from_db()
    assert (entry.ticket_id, ticket.status, ticket.unanswered) == (ticket.pk, "resolved", False)


def test_header_footer_and_variables_are_escaped_in_html(arrive, person):
    # R-131, A04
    SystemText.objects.filter(key="cabecalho_email").update(text="Olá, {{contact.name}}")
    ticket = arrive(sender='"<a href=//evil.example>x</a>" <mal@trigal.example>').ticket
    conversation.reply(ticket, actor=person("livia"), text="Olá <b>x</b> {{7*7}}")
    html = body(OutboundMessage.objects.get(purpose="reply"), "html")
    assert "<a href=//evil" not in html
    assert "&lt;a href" in html
    assert "<b>x</b>" not in html
    assert "{{7*7}}" in html


def test_the_quote_of_an_html_mail_does_not_stand_on_the_page(arrive):
    #
    html = (
        "<p>Palavra nova</p><div class=gmail_quote><div class=gmail_attr>Em ter., 17 de nov. de 2026 às 09:41, "
        "Suporte &lt;suporte@presteza.example&gt; escreveu:</div><blockquote>Palavra antiga</blockquote></div>"
    )
    text = "Palavra nova\n\nEm ter., 17 de nov. de 2026 às 09:41, Suporte escreveu:\n> Palavra antiga"
    entry = arrive(text=text, html=html)
    assert "Palavra nova" in entry.html
    assert "antiga" not in entry.html
    assert entry.has_original


def test_the_one_word_takes_a_waiting_ticket_to_the_top(arrive):
    # what the text outside opening hours asks for
    first = arrive()
    before = first.ticket.queue_key
    again = arrive(text="Parou!", in_reply_to=first.message_id)
    ticket = again.ticket
    ticket.refresh_from_db()
    assert (ticket.pk, ticket.operation_stopped, ticket.priority) == (first.ticket_id, True, "critica")
    assert ticket.queue_key < before


def test_waiting_for_the_customer_means_answered(arrive, person):
    #
    from tickets.lifecycle import change_status

    ticket = change_status(arrive().ticket, "waiting_customer", actor=person("livia"))
    assert (ticket.unanswered, ticket.waiting_since) == (False, None)


def test_an_uncertain_reply_wakes_an_administrator_once_after_half_an_hour(arrive, person, travel, mailoutbox):
    # reliability 1.3
    from tickets.alarms import uncertain_too_long

    boss = person("chefe", "admin", None)
    conversation.reply(arrive().ticket, actor=person("livia"), text="Olá")
    from helpdesk.lib.clock import app_now

    OutboundMessage.objects.filter(purpose="reply").update(state="uncertain", handed_at=app_now())
    travel(minutes=29)
    assert uncertain_too_long() == 0
    travel(minutes=2)
    assert (uncertain_too_long(), uncertain_too_long()) == (1, 0)
    assert [message.to for message in mailoutbox] == [[boss.email]]


def test_uncertain_replies_told_of_do_not_hide_the_next(arrive, person, travel, mailoutbox, monkeypatch):
    # reliability 1.3
    from helpdesk.lib.clock import app_now
    from tickets import alarms

    monkeypatch.setattr(alarms, "AT_MOST", 1)
    person("chefe", "admin", None)
    ticket, livia = arrive().ticket, person("livia")
    for text in ("Olá", "E mais isto"):
        conversation.reply(ticket, actor=livia, text=text)
    OutboundMessage.objects.filter(purpose="reply").update(state="uncertain", handed_at=app_now())
    travel(minutes=31)
    assert [alarms.uncertain_too_long() for _ in range(3)] == [1, 1, 0]
    assert len(mailoutbox) == 2
