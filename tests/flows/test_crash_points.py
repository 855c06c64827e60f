"""A worker killed at every step of inbox, reaction and outbox: nothing lost, nothing doubled (I1 to I3, I6)."""

import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from channels_inbox.adapters.email import mail_envelope
from channels_inbox.inbox import process_due, store
from channels_inbox.models import Channel, InboundMessage, OutboundMessage
from helpdesk.people.models import User
from tests.flows.worker import smtp_sink, until, worker, worker_environment
from tests.mails import mail
from tickets import conversation
from tickets.models import EntryDelivery, Membership, Reaction, ThreadEntry, Ticket, TicketEvent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

INBOX = ["after_claim", "after_parse", "before_commit", "after_commit"]
REACTION = ["reaction_before_commit", "reaction_after_commit"]
BEFORE_HANDED = ["before_handed"]
AFTER_HANDED = ["after_handed", "after_data", "after_send"]


@pytest.fixture
def running(desk):
    with (
        tempfile.TemporaryDirectory(prefix="hdw", dir="/tmp") as home,
        smtp_sink() as (sink, port),
        worker(Path(home), smtp_port=port) as crash,
    ):
        yield sink, crash


def arm(crash: Path, step: str) -> None:
    crash.write_text(step)


def deliver_one(number: int) -> None:
    raw = mail(sender=f"Cliente {number} <cliente{number}@empresa.example>", subject=f"Pedido {number}")
    store(Channel.objects.get(key="email-suporte"), [mail_envelope(raw)])


def quiet() -> bool:
    """Nothing waits any more, in any of the three queues."""
    return not (
        InboundMessage.objects.filter(state="new").exists()
        or Reaction.objects.filter(state="new").exists()
        or OutboundMessage.objects.filter(state__in=["queued", "sending"]).exists()
    )


def test_a_worker_killed_at_each_step_loses_and_doubles_nothing(running):
    sink, crash = running
    # I1: every arrival is exactly one entry, wherever the worker died
    for number, step in enumerate(INBOX + REACTION, start=1):
        arm(crash, step)
        deliver_one(number)
        until(lambda: not crash.exists())
        until(quiet)
        entries = ThreadEntry.objects.filter(
            kind="customer", contact__addresses__value=f"cliente{number}@empresa.example"
        )
        assert entries.count() == 1, step
        assert Ticket.objects.count() == number
    # the acknowledgement: one row, one message, whatever step of its reaction died
    assert OutboundMessage.objects.filter(purpose="auto").count() == len(INBOX + REACTION)
    assert len(sink.messages) == len(INBOX + REACTION)
    assert len({recipients[0] for recipients, _raw in sink.messages}) == len(INBOX + REACTION)

    user = User.objects.create_user("ana@equipe.example", name="Ana", undo_seconds=0)
    ticket = Ticket.objects.order_by("id")[0]
    Membership.objects.create(user=user, role="agent", department=ticket.department)
    # I2, I3: before the point of no return the reply is sent once
    for step in ["after_claim", *BEFORE_HANDED]:
        row = _cut_at(step, sink, crash, ticket, user)
        assert (row.state, len(sink.messages)) == ("sent", 1), step
    # after it nobody sends again by itself: at most one message, and people see that it is uncertain
    for step in AFTER_HANDED:
        row = _cut_at(step, sink, crash, ticket, user)
        assert row.state == "uncertain", step
        assert len(sink.messages) <= 1, step
        assert row.last_error


def _cut_at(step: str, sink, crash, ticket: Ticket, user: User) -> OutboundMessage:
    """Send a reply whose worker dies at the step; return its row when all is quiet again."""
    sink.messages.clear()
    arm(crash, step)
    row = _reply(ticket, user, step)
    until(lambda: not crash.exists())
    until(quiet)
    row.refresh_from_db()
    return row


def test_a_worker_killed_in_the_middle_of_a_batch_loses_and_doubles_nothing(running):
    # I1: eight arrivals in one batch, two of them of one person, so that they need two rounds
    sink, crash = running
    channel = Channel.objects.get(key="email-suporte")
    for number, step in enumerate(INBOX, start=1):
        arm(crash, step)
        people = [f"c{number}.{n % 7}@empresa.example" for n in range(8)]
        store(
            channel, [mail_envelope(mail(sender=who, subject=f"{step} {n}")) for n, who in enumerate(people)]
        )
        until(lambda: not crash.exists())
        until(quiet)
        subjects = ThreadEntry.objects.filter(kind="customer", subject__startswith=step)
        assert sorted(subjects.values_list("subject", flat=True)) == [f"{step} {n}" for n in range(8)]
        assert (
            Ticket.objects.count() == TicketEvent.objects.filter(kind="ticket_opened").count() == 8 * number
        )
    assert not InboundMessage.objects.exclude(state="done").exists()
    consumers = Reaction.objects.filter(event__kind="ticket_opened", state="done").values_list(
        "consumer", flat=True
    )
    assert Counter(consumers) == {"live": 8 * len(INBOX), "acknowledge": 8 * len(INBOX)}
    assert Counter(recipients[0] for recipients, _raw in sink.messages) == Counter(
        f"c{number}.{n % 7}@empresa.example" for number in range(1, len(INBOX) + 1) for n in range(8)
    )


def _reply(ticket: Ticket, user: User, text: str) -> OutboundMessage:
    entry = conversation.reply(ticket, actor=user, text=text)
    return EntryDelivery.objects.get(entry=entry).outbound


def test_a_store_killed_after_its_commit_is_found_by_the_sweep(desk, arrive):
    # I1: the bell was never rung; the row is enough
    script = (
        "import sys, django; django.setup(); from tests.flows.worker import store_one;"
        "store_one(sys.stdin.buffer.read())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=mail(subject="Sem sino"),
        env=worker_environment() | {"CRASH_AT": "after_store"},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert InboundMessage.objects.get().state == "new"
    while process_due():
        pass
    assert ThreadEntry.objects.get(kind="customer").ticket.subject == "Sem sino"
