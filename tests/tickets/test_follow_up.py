"""A message that may continue another ticket: joined, kept apart, reconsidered (R-128, A08)."""

import pytest
from django.core.exceptions import PermissionDenied

from tickets import follow_up, lifecycle
from tickets.models import MailReference, Participant, Ticket

pytestmark = pytest.mark.django_db


@pytest.fixture
def pair(arrive):
    """Marina's ticket, and a stranger's mail that names it: linked, not joined."""
    first = arrive(message_id="raiz@trigal.example").ticket
    second = arrive(
        sender="Bia <bia@trigal.example>",
        in_reply_to="raiz@trigal.example",
        text="Sou colega",
        message_id="bia@x.example",
    ).ticket
    assert second.possible_follow_up_of_id == first.pk
    return first, second


def test_joining_moves_the_words_the_ids_and_the_sender(pair, person, arrive):
    #
    (first, second), livia = pair, person("livia")
    assert follow_up.proposal(second, livia) == first
    assert follow_up.join(second, actor=livia) == first
    second.refresh_from_db()
    first.refresh_from_db()
    assert (second.merged_into_id, second.status, second.outcome) == (first.pk, "resolved", "duplicado")
    assert first.entries.filter(kind="customer").order_by("id").last().text.strip() == "Sou colega"
    assert not second.entries.filter(kind="customer").exists()
    assert MailReference.objects.get(message_id="bia@x.example", own=True).ticket_id == first.pk
    assert Participant.objects.filter(ticket=first, contact=second.contact, kind="copied").exists()
    assert first.preview == "Sou colega"
    assert follow_up.proposal(second, livia) is None
    # what she writes next lands on the ticket she now takes part in
    assert arrive(sender="bia@trigal.example", in_reply_to="bia@x.example").ticket_id == first.pk


def test_joining_reopens_what_was_resolved(pair, person):
    # D.8
    (first, second), livia = pair, person("livia")
    lifecycle.change_status(first, "resolved", actor=livia)
    follow_up.join(second, actor=livia)
    first.refresh_from_db()
    assert (first.status, first.unanswered) == ("open", True)


def test_joining_twice_or_without_a_proposal_is_said(pair, person):
    (first, second), livia = pair, person("livia")
    follow_up.join(second, actor=livia)
    for ticket in (second, first):
        with pytest.raises(ValueError, match="follow-up"):
            follow_up.join(ticket, actor=livia)


def test_the_right_is_needed_on_both_tickets(arrive, person):
    # A08
    first = arrive(message_id="raiz@trigal.example", department="financeiro").ticket
    second = arrive(sender="bia@trigal.example", in_reply_to="raiz@trigal.example").ticket
    for actor in (person("livia"), person("otto", "agent", "financeiro")):
        with pytest.raises(PermissionDenied):
            follow_up.join(second, actor=actor)
    assert follow_up.proposal(second, person("caio")) is None  # nothing of a hidden ticket is shown
    assert Ticket.objects.filter(merged_into=None).count() == 2
    assert first.entries.filter(kind="customer").count() == 1


def test_kept_apart_may_be_reconsidered(pair, person):
    (first, second), livia = pair, person("livia")
    assert follow_up.keep_apart(second, actor=livia).follow_up_decision == "apart"
    follow_up.keep_apart(second, actor=livia)  # again: no second event
    assert second.events.filter(kind="follow_up_apart").count() == 1
    back = follow_up.reconsider(second, actor=livia)
    assert back.follow_up_decision == ""
    assert follow_up.proposal(back, livia) == first
    with pytest.raises(PermissionDenied):
        follow_up.keep_apart(second, actor=person("otto", "agent", "financeiro"))
    follow_up.join(second, actor=livia)
    assert follow_up.reconsider(second, actor=livia).merged_into_id == first.pk  # a joined one stays joined
