"""Who belongs where: one writer, audited, ending sessions, and never without an administrator (R-401, R-412, R-426)."""

import json
import threading
import time

import pytest
import redis
from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test import Client

from helpdesk.people.models import AuditEntry, User
from tests.mails import mail
from tickets.memberships import set_memberships, switch_off, switch_on
from tickets.models import Department, Membership, TicketEvent
from tickets.permissions import may

pytestmark = pytest.mark.django_db
PAGE = "/conta/senha/trocar/"


@pytest.fixture
def renata(person):
    return person("renata", "admin", None)


@pytest.fixture
def place(desk):
    return lambda key: Department.objects.get(key=key)


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    assert client.get(PAGE).status_code == 200
    return client


def test_new_rows_replace_the_old_and_are_audited(person, renata, place):
    livia = person("livia", "agent", "suporte")
    assert set_memberships(renata, livia, [("leader", place("suporte")), ("dpo", None)])
    assert set(livia.memberships.values_list("role", "department__key")) == {
        ("leader", "suporte"),
        ("dpo", None),
    }
    entry = AuditEntry.objects.get(kind="memberships_changed")
    assert (entry.actor, entry.subject) == (renata, livia.email)
    assert entry.before == [["agent", place("suporte").pk]]
    assert entry.after == [["dpo", None], ["leader", place("suporte").pk]]


def test_changed_role_ends_the_sessions(person, renata, place):
    # A16
    livia = person("livia")
    client = signed_in(livia)
    set_memberships(renata, livia, [("agent", place("financeiro"))])
    assert client.get(PAGE).status_code == 302


def test_same_rows_change_nothing(person, renata, place):
    livia = person("livia")
    client = signed_in(livia)
    assert not set_memberships(renata, livia, [("agent", place("suporte")), ("agent", place("suporte"))])
    assert client.get(PAGE).status_code == 200
    assert not AuditEntry.objects.exists()


def test_tickets_out_of_reach_go_back_to_the_queue(person, renata, place, arrive):
    livia = person("livia", "agent", "suporte")
    ticket = arrive().ticket
    ticket.assignee = livia
    ticket.save(update_fields=["assignee"])
    set_memberships(renata, livia, [("agent", place("financeiro"))])
    ticket.refresh_from_db()
    assert ticket.assignee is None
    assert TicketEvent.objects.filter(ticket=ticket, kind="unassigned", actor=renata).count() == 1


def test_tickets_still_in_reach_stay(person, renata, place, arrive):
    livia = person("livia", "agent", "suporte")
    ticket = arrive().ticket
    ticket.assignee = livia
    ticket.save(update_fields=["assignee"])
    set_memberships(renata, livia, [("leader", place("suporte"))])
    ticket.refresh_from_db()
    assert ticket.assignee == livia


@pytest.mark.parametrize("rows", [[("agent", None)], [("customer", None)], [("king", None)]])
def test_impossible_rows_are_refused(person, renata, rows):
    livia = person("livia")
    with pytest.raises(ValidationError):
        set_memberships(renata, livia, rows)
    assert livia.memberships.get().role == "agent"


@pytest.mark.parametrize("role", ["leader", "agent", "dpo"])
def test_only_administrators_write_accounts(person, role, place):
    caio, livia = person("caio", role), person("livia")
    for act in (
        lambda: set_memberships(caio, caio, [("admin", None)]),
        lambda: switch_off(caio, livia),
        lambda: switch_on(caio, livia),
    ):
        with pytest.raises(PermissionDenied):
            act()


def test_switching_off_keeps_history_and_gives_tickets_back(person, renata, arrive):
    #
    livia = person("livia")
    open_ticket = arrive(sender="ana@cliente.example").ticket
    done = arrive(sender="bia@cliente.example", raw=mail(sender="Bia <bia@cliente.example>")).ticket
    for ticket in (open_ticket, done):
        ticket.assignee = livia
        ticket.save(update_fields=["assignee"])
    done.status, done.outcome = "resolved", "resolvido"
    done.save(update_fields=["status", "outcome"])
    client = signed_in(livia)
    switch_off(renata, livia)
    for ticket in (open_ticket, done):
        ticket.refresh_from_db()
    assert (open_ticket.assignee, done.assignee) == (None, livia)
    assert client.get(PAGE).status_code == 302
    assert livia.memberships.exists()
    assert not may(User.objects.get(pk=livia.pk), "ticket_read")
    assert AuditEntry.objects.get(kind="switched_off").subject == livia.email
    switch_off(renata, livia)  # twice changes nothing
    assert AuditEntry.objects.filter(kind="switched_off").count() == 1

    switch_on(renata, livia)
    assert may(User.objects.get(pk=livia.pk), "ticket_read")
    assert client.get(PAGE).status_code == 302  # the old session does not come back


def test_last_administrator_is_neither_switched_off_nor_demoted(person, renata, place):
    #
    for act in (
        lambda: switch_off(renata, renata),
        lambda: set_memberships(renata, renata, [("leader", place("suporte"))]),
        lambda: set_memberships(renata, renata, []),
    ):
        with pytest.raises(ValidationError) as refusal:
            act()
        assert refusal.value.code == "last_admin"
    renata.refresh_from_db()
    assert renata.is_active
    otto = person("otto", "admin", None)
    switch_off(renata, otto)
    with pytest.raises(ValidationError):  # the other one is off, so she is the last again
        switch_off(renata, renata)


@pytest.mark.parametrize("how", ["switched off", "demoted"])
def test_administrator_who_leaves_gives_the_own_tickets_back(person, renata, place, arrive, how):
    person("otto", "admin", None)
    ticket = arrive().ticket
    ticket.assignee = renata
    ticket.save(update_fields=["assignee"])
    if how == "demoted":
        set_memberships(renata, renata, [("agent", place("financeiro"))])
    else:
        switch_off(renata, renata)
    ticket.refresh_from_db()
    assert ticket.assignee is None


def test_second_administrator_may_go(person, renata):
    otto = person("otto", "admin", None)
    switch_off(renata, otto)
    assert not User.objects.get(pk=otto.pk).is_active


@pytest.mark.django_db(transaction=True)
def test_two_administrators_cannot_remove_one_another_at_once(person):
    renata, otto = person("renata", "admin", None), person("otto", "admin", None)
    barrier, refused = threading.Barrier(2, timeout=20), []

    def remove(actor: User, other: User) -> None:
        barrier.wait()
        try:
            switch_off(User.objects.get(pk=actor.pk), User.objects.get(pk=other.pk))
        except (ValidationError, PermissionDenied):
            refused.append(actor)
        finally:
            connection.close()

    both = [threading.Thread(target=remove, args=pair) for pair in ((renata, otto), (otto, renata))]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(timeout=30)
    assert len(refused) == 1
    assert User.objects.filter(is_active=True, memberships__role="admin").count() == 1


@pytest.mark.django_db(transaction=True)
def test_live_streams_are_told_to_end(person):
    # A16, A21: within five seconds; the hub closes the streams of the person named
    renata, livia = person("renata", "admin", None), person("livia")
    listener = redis.Redis.from_url(settings.REDIS_URL).pubsub()
    listener.subscribe(f"{settings.KEY_PREFIX}:live:tickets")
    switch_off(renata, livia)
    told, end = [], time.monotonic() + 5
    while livia.pk not in told and time.monotonic() < end:
        message = listener.get_message(ignore_subscribe_messages=True, timeout=0.2)
        if message:
            told.append(json.loads(message["data"]).get("revoke"))
    listener.close()
    assert livia.pk in told


def test_nothing_is_announced_when_the_change_is_refused(person, renata):
    with pytest.raises(ValidationError):
        switch_off(renata, renata)
    renata.refresh_from_db()
    assert renata.security_stamp == 0
    assert Membership.objects.filter(user=renata, role="admin").exists()
