"""Every status move of D.8 and no other; protocols of the local year (R-002, R-006)."""

import itertools
import threading
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import yaml
from django.db import connection, transaction

from helpdesk.lib.clock import app_now
from helpdesk.people.contacts import identify
from tickets import lifecycle
from tickets.lifecycle import InvalidMove, change_status, next_protocol, open_ticket
from tickets.models import Department, ProtocolCounter, Ticket
from tickets.models.ticket import Outcome, Status
from tickets.permissions import DATA

TABLE = yaml.safe_load((DATA / "statuses.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def ticket(desk):
    with transaction.atomic():
        contact, _created = identify("email", "marina@trigal.example", name="Marina Prado")
        return open_ticket(
            contact=contact, department=Department.objects.get(key="suporte"), subject="Nota", now=app_now()
        )


def force(ticket: Ticket, status: str) -> Ticket:
    """Put a ticket into a status by the back door, to try every move from it."""
    outcome = "resolvido" if status in {"resolved", "closed"} else ""
    Ticket.objects.filter(pk=ticket.pk).update(
        status=status, outcome=outcome, resolved_at=app_now(), closed_at=app_now()
    )
    ticket.refresh_from_db()
    return ticket


def test_the_moves_are_those_of_the_specification():
    #
    assert {start: sorted(to) for start, to in lifecycle.MOVES.items()} == {
        start: sorted(to) for start, to in TABLE["moves"].items()
    }


@pytest.mark.django_db
@pytest.mark.parametrize(("start", "to"), list(itertools.permutations(Status.values, 2)))
def test_a_move_outside_the_table_does_not_exist(ticket, start, to):
    #
    force(ticket, start)
    if to in TABLE["moves"][start]:
        assert change_status(ticket, to, actor=None).status == to
        assert ticket.events.filter(kind="status_changed").count() == 1
    else:
        with pytest.raises(InvalidMove):
            change_status(ticket, to, actor=None)
        ticket.refresh_from_db()
        assert ticket.status == start


@pytest.mark.django_db
@pytest.mark.parametrize("start", Status.values)
def test_what_a_customer_message_does_in_every_status(ticket, start):
    #
    force(ticket, start)
    ticket.unanswered, ticket.waiting_since = False, None
    lifecycle.customer_wrote(ticket, now=app_now())
    assert ticket.status == TABLE["customer_message"][start]["to"]
    assert ticket.unanswered


@pytest.mark.django_db
def test_resolving_names_an_outcome_and_reopening_forgets_it(ticket):
    #
    resolved = change_status(ticket, "resolved", actor=None, outcome="informacao")
    assert (resolved.outcome, resolved.unanswered, resolved.waiting_since) == ("informacao", False, None)
    assert {row["key"] for row in TABLE["outcomes"]} == set(Outcome.values)
    assert change_status(ticket, "open", actor=None).outcome == ""


@pytest.mark.django_db
def test_a_second_message_keeps_the_place_in_the_queue(ticket, travel):
    #
    first = ticket.queue_key
    travel(minutes=10)
    lifecycle.customer_wrote(ticket, now=app_now())
    assert ticket.queue_key == first
    lifecycle.agent_replied(ticket, now=app_now())
    assert ticket.queue_key > first


@pytest.mark.django_db
def test_nobody_is_refused_for_missing_data(ticket):
    #
    assert ticket.identification_pending
    assert ticket.status == "new"


@pytest.mark.django_db
@pytest.mark.parametrize("zone", ["America/Sao_Paulo", "America/Rio_Branco"])
def test_the_counter_is_that_of_the_local_year(desk, settings, zone):
    #
    settings.TIME_ZONE = zone
    last = datetime(2026, 12, 31, 23, 59, 59, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    assert next_protocol(last) == "26-1"
    assert next_protocol(last + timedelta(seconds=2)) == "27-1"
    assert next_protocol(last) == "26-2"


@pytest.mark.django_db(transaction=True)
def test_a_hundred_openings_at_once_give_a_hundred_protocols(desk):
    #
    protocols: list[str] = []

    def open_ten() -> None:
        for _number in range(10):
            with transaction.atomic():
                protocols.append(next_protocol(datetime(2026, 11, 24, 12, tzinfo=UTC)))
        connection.close()

    threads = [threading.Thread(target=open_ten) for _thread in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(protocols)) == 100
    assert ProtocolCounter.objects.get(year=2026).last == 100


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_opening_repeats_no_sent_number(desk):
    #
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    with transaction.atomic():
        assert next_protocol(now) == "26-1"
    with pytest.raises(RuntimeError), transaction.atomic():
        next_protocol(now)
        raise RuntimeError
    with transaction.atomic():
        assert next_protocol(now) == "26-2"
