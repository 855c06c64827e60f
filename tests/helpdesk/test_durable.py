"""Claims, leases, fencing tokens, retries: the promises every durable row keeps."""

import threading

import pytest
from django.db import connection, transaction

from channels_inbox.models import Channel, InboundMessage
from helpdesk.lib.durable import RETRY_SECONDS, LeaseLost

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rows():
    channel = Channel.objects.create(key="caixa", kind="email", name="Caixa", address="caixa@presteza.example")

    def make(count: int) -> list[InboundMessage]:
        return [
            InboundMessage.objects.create(channel=channel, fingerprint=bytes([number]) * 32, payload=b"x")
            for number in range(count)
        ]

    return make


def test_a_claim_counts_the_attempt_and_hides_the_row(rows):
    rows(2)
    first = InboundMessage.objects.all().claim(5)
    assert [row.attempts for row in first] == [1, 1]
    assert InboundMessage.objects.all().claim(5) == []


def test_two_workers_never_hold_the_same_row(rows):
    rows(40)
    taken: list[int] = []

    def work() -> None:
        while batch := InboundMessage.objects.all().claim(3):
            taken.extend(row.pk for row in batch)
        connection.close()

    threads = [threading.Thread(target=work) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 40


def test_a_worker_back_after_its_lease_changes_nothing(rows, travel):
    rows(1)
    (late,) = InboundMessage.objects.all().claim(1)
    travel(seconds=3)
    assert InboundMessage.release_expired() == 1
    (fresh,) = InboundMessage.objects.all().claim(1)
    with pytest.raises(LeaseLost), transaction.atomic():
        late.finish("done")
    assert late.fail("too late") is False
    fresh.refresh_from_db()
    assert (fresh.state, fresh.attempts, fresh.last_error) == ("new", 2, "")
    fresh.finish("done")
    assert InboundMessage.objects.get().state == "done"


def test_a_failing_row_waits_longer_each_time_and_then_stands_as_dead(rows, travel):
    rows(1)
    for number, seconds in enumerate(RETRY_SECONDS, start=1):
        (row,) = InboundMessage.objects.all().claim(1)
        assert row.attempts == number
        assert row.fail(ValueError("não entendi\x00")) is False
        assert InboundMessage.objects.all().claim(1) == []
        travel(seconds=seconds * 1.5 + 1)
    (row,) = InboundMessage.objects.all().claim(1)
    assert row.fail(ValueError("não entendi")) is True
    row.refresh_from_db()
    assert (row.state, row.last_error) == ("dead", "ValueError: não entendi")
    travel(days=30)
    assert InboundMessage.objects.all().claim(1) == []


def test_a_permanent_failure_is_dead_at_once(rows):
    rows(1)
    (row,) = InboundMessage.objects.all().claim(1)
    assert row.fail("broken", permanent=True) is True


def test_the_database_refuses_an_unknown_state(rows):
    (row,) = rows(1)
    with pytest.raises(Exception, match="inbound_state"):
        InboundMessage.objects.filter(pk=row.pk).update(state="lost")
