"""Every pair of states, and every function that moves a row: no move outside the table of reliability 1.6."""

import itertools
import uuid
from collections.abc import Callable
from typing import ClassVar

import pytest
from django.db import IntegrityError, connection, transaction

from channels_inbox import inbox, outbox, replay
from channels_inbox.adapters import adapter_classes
from channels_inbox.adapters.base import (
    Adapter,
    CredentialsRefused,
    DeliveryError,
    DeliveryReceipt,
    Envelope,
    OutcomeUnknown,
    ParsedMessage,
    Person,
)
from channels_inbox.models import Channel, InboundMessage, OutboundMessage
from helpdesk.lib.durable import LeaseLost, in_seconds

pytestmark = pytest.mark.django_db

INBOUND = ("new", "done", "ignored", "dead")
INBOUND_MOVES = {("new", "done"), ("new", "ignored"), ("new", "dead"), ("dead", "new"), ("dead", "done")}
OUTBOUND = ("queued", "sending", "sent", "uncertain", "failed", "cancelled")
OUTBOUND_MOVES = {
    ("queued", "sending"), ("queued", "cancelled"),
    ("sending", "sent"), ("sending", "queued"), ("sending", "failed"), ("sending", "uncertain"),
    ("uncertain", "sent"), ("uncertain", "failed"), ("uncertain", "queued"),
    ("failed", "queued"),
}  # fmt: skip
RECEIPTS = ("", "accepted", "delivered", "read", "bounced")


class ScriptedAdapter(Adapter):
    """A channel of its own whose far side answers what the test says: an id, or one of the contract's errors."""

    kind = "scripted"
    label = "Scripted"
    answer: ClassVar[dict[str, object]] = {}

    def parse(self, payload: bytes) -> ParsedMessage:
        if payload == b"fails":
            raise RuntimeError("x")
        kind = "probe" if payload == b"nothing for us" else "message"
        return ParsedMessage(kind=kind, sender=Person("marina@trigal.example"), text="x")

    def send(self, outbound: OutboundMessage) -> str:
        if self.answer["handed"]:
            outbox.mark_handed(outbound)
        if isinstance(self.answer["now"], Exception):
            raise self.answer["now"]
        return str(self.answer["now"])


@pytest.fixture
def channel(desk, monkeypatch):
    monkeypatch.setitem(adapter_classes(), "scripted", ScriptedAdapter)
    return Channel.objects.create(key="scripted", kind="scripted", name="Scripted")


@pytest.fixture
def answer():
    return ScriptedAdapter.answer


def outgoing(
    channel: Channel, state: str, *, receipt: str = "", handed: bool = False, **facts
) -> OutboundMessage:
    number = OutboundMessage.objects.count()
    row = OutboundMessage.objects.create(
        channel=channel, purpose="reply", idem_key=f"w{number}", payload=b"x", message_id=f"w{number}@x.example",
        recipient="marina@trigal.example", state=state, receipt=receipt, **facts,
    )  # fmt: skip
    if state == "sending":
        late = {"lease_until": in_seconds(-1), "handed_at": in_seconds(-2) if handed else None}
        OutboundMessage.objects.filter(pk=row.pk).update(
            lease_token="8f7b1d3c-0000-4000-8000-000000000001", **late
        )
    row.refresh_from_db()
    return row


def moves_of_outbound(answer) -> dict[str, Callable[[OutboundMessage], object]]:
    def deliver(outcome: object, *, handed: bool) -> Callable[[OutboundMessage], object]:
        def run(row: OutboundMessage) -> None:
            answer["now"], answer["handed"] = outcome, handed
            outbox.deliver_due()
            if row.state == "sending":
                outbox.deliver(row)

        return run

    receipts = {
        f"receipt {status}": lambda row, status=status: outbox.apply_receipt(
            DeliveryReceipt(message_id=row.message_id, status=status)
        )
        for status in ("accepted", "delivered", "read", "bounced", "complained")
    }
    return receipts | {
        "sent": deliver("id", handed=True),
        "refused": deliver(DeliveryError("450"), handed=False),
        "refused for good": deliver(DeliveryError("550", permanent=True), handed=True),
        "credentials": deliver(CredentialsRefused("535"), handed=False),
        "no answer": deliver(OutcomeUnknown("cut"), handed=True),
        "a fault of ours before": deliver(RuntimeError("x"), handed=False),
        "a fault of ours after": deliver(RuntimeError("x"), handed=True),
        "claim": lambda row: outbox.sendable().claim(5, related=["channel"]),
        "lease over": lambda row: outbox.release_expired(),
        "cancel": lambda row: outbox.cancel(OutboundMessage.objects.filter(pk=row.pk)),
        "it arrived": lambda row: outbox.resolve_uncertain(row, arrived=True),
        "send it again": lambda row: outbox.resolve_uncertain(row, arrived=False),
        "try again": outbox.send_again,
        "bring forward": lambda row: outbox.bring_forward(row.channel),
        "rest is over": lambda row: outbox.try_rested(),
    }


def test_no_function_moves_an_outgoing_row_outside_the_table(channel, answer):
    seen: set[tuple[str, str]] = set()
    for name in moves_of_outbound(answer):
        for start in OUTBOUND:
            for handed in (False, True) if start == "sending" else (False,):
                row = outgoing(channel, start, handed=handed)
                moves_of_outbound(answer)[name](row)
                end = OutboundMessage.objects.get(pk=row.pk).state
                # one delivery is two moves: claimed, then settled
                path = (
                    [start, "sending", end]
                    if start == "queued" and end not in ("queued", "cancelled")
                    else [start, end]
                )
                steps = {(a, b) for a, b in itertools.pairwise(path) if a != b}
                assert steps <= OUTBOUND_MOVES, f"{name}: {start} -> {end}"
                seen |= steps
                OutboundMessage.objects.all().delete()
                Channel.objects.update(sending_paused_until=None)
    assert seen == OUTBOUND_MOVES


def test_no_function_moves_an_incoming_row_outside_the_table(channel):
    seen: set[tuple[str, str]] = set()
    functions = {
        "taken": lambda row: inbox.process_due(),
        "nothing for us": lambda row: inbox.process_due(),
        "fails": lambda row: inbox.process_due(),
        "lease over": lambda row: InboundMessage.release_expired(),
        "try again": inbox.try_again,
        "read again": lambda row: replay.read_again(row.pk, actor=None),
        "the same once more": lambda row: inbox.store(channel, [Envelope(bytes(row.fingerprint), "", b"x")]),
    }
    for name, function in functions.items():
        for start in INBOUND:
            for attempts in (0, 9):
                row = InboundMessage.objects.create(
                    channel=channel,
                    fingerprint=uuid.uuid4().bytes,
                    payload=name.encode(),
                    state=start,
                    attempts=attempts,
                )
                function(row)
                row.refresh_from_db()
                # a dead row read again is two moves: new, then what came of it
                path = (
                    [start, "new", row.state]
                    if (name, start) == ("read again", "dead")
                    else [start, row.state]
                )
                steps = {(a, b) for a, b in itertools.pairwise(path) if a != b}
                assert steps <= INBOUND_MOVES, f"{name}: {start} -> {row.state}"
                seen |= steps
                InboundMessage.objects.exclude(state="done").delete()
    assert seen == INBOUND_MOVES - {("dead", "done")}  # "ticket by hand" is the desk's and has its own test


def test_receipts_only_climb(channel):
    # R-133, rule 15
    allowed = {
        (a, b)
        for a in RECEIPTS
        for b in RECEIPTS[1:]
        if (b == "bounced" and a in ("", "accepted"))
        or ("bounced" not in (a, b) and RECEIPTS.index(b) > RECEIPTS.index(a))
    }
    for start in RECEIPTS:
        for status in RECEIPTS[1:]:
            row = outgoing(channel, "sent", receipt=start)
            assert outbox.apply_receipt(DeliveryReceipt(message_id=row.message_id, status=status))
            row.refresh_from_db()
            assert row.receipt == (status if (start, status) in allowed else start)
            assert row.state == "sent"


@pytest.mark.parametrize(
    ("receipt", "state"), [("delivered", "sent"), ("bounced", "failed"), ("", "uncertain")]
)
def test_news_that_came_before_the_end_of_the_lease_settles_the_row(channel, receipt, state):
    row = outgoing(channel, "sending", handed=True, receipt=receipt)
    outbox.release_expired()
    row.refresh_from_db()
    assert row.state == state


def test_a_worker_without_its_lease_moves_nothing(channel):
    for model, row in (
        (OutboundMessage, outgoing(channel, "sending", handed=True)),
        (InboundMessage, InboundMessage.objects.create(channel=channel, fingerprint=b"f" * 32, payload=b"x")),
    ):
        row.lease_token = "8f7b1d3c-0000-4000-8000-00000000000f"
        before = row.state
        with pytest.raises(LeaseLost):
            row.finish()
        row.fail("x", permanent=True)
        assert model.objects.get(pk=row.pk).state == before


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("channels_inbox_inboundmessage", "state", "parked"),
        ("channels_inbox_outboundmessage", "state", "delivered"),
        ("channels_inbox_outboundmessage", "receipt", "seen"),
        ("tickets_reaction", "state", "sending"),
    ],
)
def test_a_state_outside_the_table_is_refused_by_the_database(arrive, channel, table, column, value):
    arrive()
    outgoing(channel, "queued")
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {column} = %s", [value])
