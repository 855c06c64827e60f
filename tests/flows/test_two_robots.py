"""Two desks that answer each other for an hour write two automatic mails at most (R-129, A23)."""

import email
import email.policy
import re
from collections.abc import Callable

import pytest

from channels_inbox.models import Channel, OutboundMessage
from channels_inbox.outbox import deliver_due
from tickets.models import ThreadEntry, Ticket

pytestmark = pytest.mark.django_db
FIRST, SECOND = "suporte@presteza.example", "financeiro@presteza.example"
MARKS = re.compile(rb"(?im)^(auto-submitted|precedence|x-auto[\w-]*|x-presteza[\w-]*): .*\r\n")
THREAD = re.compile(rb"(?im)^(in-reply-to|references): .*\r\n(?:[ \t].*\r\n)*")


def sent_since(seen: set[int]) -> list[OutboundMessage]:
    while deliver_due():
        pass
    rows = [row for row in OutboundMessage.objects.order_by("id") if row.pk not in seen]
    seen.update(row.pk for row in rows)
    return rows


def peer_answers(row: OutboundMessage, *, forget: bool, number: int) -> dict:
    """What a robot at the far end writes back: a confirmation that says nowhere that a program wrote it."""
    message = email.message_from_bytes(bytes(row.payload), policy=email.policy.default)
    thread = {} if forget else {"in_reply_to": row.message_id}
    return {"subject": f"Recebemos: {message['Subject']} ({number})", "text": "Recebemos.", **thread}


def run_for_an_hour(travel, arrive, answer: Callable[[OutboundMessage, int], None]) -> int:
    """Let the peer answer whatever we send, minute by minute; return how many automatic mails we wrote."""
    seen: set[int] = set()
    for minute in range(60):
        for row in sent_since(seen):
            answer(row, minute)
        travel(minutes=1)
    return OutboundMessage.objects.filter(purpose="auto").count()


def test_two_departments_of_one_desk(arrive, travel):
    """Each automatic mail of one goes into the mailbox of the other, as it is."""
    arrive(sender=SECOND, to=FIRST)
    assert OutboundMessage.objects.count() == 0  # a mailbox of ours is never answered

    def answer(row: OutboundMessage, _minute: int) -> None:
        arrive(bytes(row.payload), department="financeiro")

    arrive(sender="Marina <marina@trigal.example>")
    assert run_for_an_hour(travel, arrive, answer) == 1


def test_two_departments_whose_marks_a_relay_took_away(arrive, travel):
    """No header says any more that a program wrote it: our own address does."""

    def answer(row: OutboundMessage, _minute: int) -> None:
        raw = THREAD.sub(b"", MARKS.sub(b"", bytes(row.payload)))
        arrive(raw, department="financeiro" if FIRST in str(raw) else "suporte")

    arrive()
    assert run_for_an_hour(travel, arrive, answer) == 1
    assert not ThreadEntry.objects.filter(kind="auto", ticket__department__key="financeiro").exists()


def test_a_peer_that_marks_its_confirmations_gets_one_and_sends_one(arrive, travel):
    other = "robo@outro.example"

    def answer(row: OutboundMessage, minute: int) -> None:
        facts = peer_answers(row, forget=False, number=minute)
        arrive(sender=other, headers={"Auto-Submitted": "auto-replied"}, **facts)

    arrive(sender=other)
    assert run_for_an_hour(travel, arrive, answer) == 1
    assert Ticket.objects.count() == 1  # the confirmation stands on the ticket it answers


def test_a_peer_that_hides_what_it_is_and_keeps_the_thread(arrive, travel):
    other = "robo@outro.example"
    arrive(sender=other)
    answers = run_for_an_hour(
        travel, arrive, lambda row, n: arrive(sender=other, **peer_answers(row, forget=False, number=n))
    )
    assert answers == 1
    assert Ticket.objects.count() == 1


def test_a_peer_that_hides_everything_but_quotes_our_subject(arrive, travel):
    other = "robo@outro.example"
    arrive(sender=other)
    answers = run_for_an_hour(
        travel, arrive, lambda row, n: arrive(sender=other, **peer_answers(row, forget=True, number=n))
    )
    assert answers == 1


def test_a_peer_nobody_can_tell_from_a_person_stops_at_the_cap(arrive, travel):
    other = "robo@outro.example"
    arrive(sender=other)
    answers = run_for_an_hour(travel, arrive, lambda _row, n: arrive(sender=other, subject=f"Recebemos {n}"))
    assert answers == 3  # A23: at most three an hour to one person


def test_mailboxes_of_ours_in_any_spelling_are_ours(arrive):
    Channel.objects.filter(key="email-financeiro").update(address="Financeiro@Presteza.example")
    for sender in (SECOND, SECOND.upper(), f"Presteza <{SECOND.title()}>"):
        arrive(sender=sender, to=FIRST, subject=f"de {sender}")
    assert not OutboundMessage.objects.exists()
