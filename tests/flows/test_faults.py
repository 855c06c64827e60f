"""The broker flushed, killed and fed with poison; costly messages ahead of good ones; a burst: quiet again by itself.

The worker is a real one (Celery, prefork, beat), the broker of the first test a Valkey of its own.
"""

import os
import pickle
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.db.models import Count
from kombu import Connection, Exchange, Queue

from channels_inbox.adapters.base import Envelope
from channels_inbox.adapters.email import mail_envelope
from channels_inbox.inbox import payload_of, store, try_again
from channels_inbox.models import Channel, InboundMessage, OutboundMessage
from helpdesk.embedded.valkey import start_valkey
from helpdesk.people.models import ContactAddress
from tests.flows.worker import smtp_sink, until, worker
from tests.mails import mail
from tickets.models import ChannelPolicy, Reaction, ThreadEntry, Ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
HEALED_SECONDS = 30  # I6


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hdw", dir="/tmp") as place:
        Path(place).chmod(0o755)
        yield Path(place)


def post(*raws: bytes) -> None:
    store(Channel.objects.get(key="email-suporte"), [mail_envelope(raw) for raw in raws])


def quiet() -> bool:
    """Nothing waits any more, in any of the three queues."""
    return not (
        InboundMessage.objects.filter(state="new").exists()
        or Reaction.objects.filter(state="new").exists()
        or OutboundMessage.objects.filter(state__in=["queued", "sending"]).exists()
    )


def one(number: int) -> bytes:
    return mail(sender=f"Cliente {number} <cliente{number}@empresa.example>", subject=f"Pedido {number}")


class Pickled:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return (Path.touch, (self.mark,))


def put_pickle_on(broker: str, prefix: str, mark: Path) -> None:
    """Put a task message whose body is a pickle on the queue the worker reads."""
    options = {"global_keyprefix": f"{prefix}:"}
    with Connection(broker, transport_options=options) as connection:
        queue = Queue("in", Exchange("in"), routing_key="in")
        connection.Producer().publish(
            pickle.dumps(((Pickled(mark),), {}, {})),
            exchange=queue.exchange,
            routing_key="in",
            declare=[queue],
            content_type="application/x-python-serialize",
            content_encoding="binary",
            headers={"task": "channels_inbox.tasks.process_inbound", "id": "1", "lang": "py"},
        )


def test_a_broker_flushed_killed_or_fed_with_a_pickle_costs_seconds_only(desk, home, settings):
    # I6: bells go to the session's own Valkey, so that this worker hears nothing but its own sweep
    server = start_valkey(home / "broker")
    broker = server.url.replace("unix://", "redis+socket://", 1)
    try:
        with smtp_sink() as (sink, port), worker(home, smtp_port=port, REDIS_URL=server.url):
            post(one(1))
            until(lambda: ThreadEntry.objects.filter(kind="customer").count() == 1)
            until(quiet)

            redis.Redis.from_url(server.url).flushall()
            post(one(2))
            until(lambda: ThreadEntry.objects.filter(kind="customer").count() == 2, seconds=HEALED_SECONDS)
            until(quiet, seconds=HEALED_SECONDS)

            os.kill(server.pid, signal.SIGKILL)
            post(one(3))
            server = start_valkey(home / "broker")
            until(lambda: ThreadEntry.objects.filter(kind="customer").count() == 3, seconds=HEALED_SECONDS)
            until(quiet, seconds=HEALED_SECONDS)

            # A26: what is not JSON is refused unread, and the queue goes on
            mark = home / "unpickled"
            put_pickle_on(broker, settings.KEY_PREFIX, mark)
            post(one(4))
            until(lambda: ThreadEntry.objects.filter(kind="customer").count() == 4)
            until(quiet)
            assert not mark.exists()
            assert "Refusing to deserialize" in (home / "worker.log").read_text()
        assert Ticket.objects.count() == 4
        assert len(sink.messages) == 4  # one acknowledgement each
    finally:
        server.stop()


def test_poison_ahead_of_good_messages_blocks_nothing(desk, home, travel):
    # A22, I1
    channel = Channel.objects.create(key="poison", kind="poison", name="Poison")
    words = [b"burn: 1", b"burn and swallow: 2", b"swell: 3", b"break: 4", b"die: 5"]
    words += [f"bom: {number}".encode() for number in range(10)]
    store(channel, [Envelope(word.ljust(32, b"."), "", word) for word in words])
    # The kind `poison` has a CPU cap of one second; the real caps are asserted in test_confined.
    more = {"DJANGO_SETTINGS_MODULE": "tests.flows.poison_settings", "LEASE_SECONDS": "5"}
    with smtp_sink() as (_sink, port), worker(home, smtp_port=port, **more):
        good = ThreadEntry.objects.filter(kind="customer", text__startswith="bom")
        until(lambda: good.count() == 10)
        bad = InboundMessage.objects.exclude(state="done")
        until(lambda: not bad.filter(lease_token__isnull=False).exists() and not bad.due().exists())
        assert set(bad.values_list("state", flat=True)) == {"new"}
        bad.update(attempts=5)  # the waits between the attempts have their own test; this one is the last
        travel(hours=1)
        until(lambda: bad.filter(state="dead").count() == 5)
        # visible with a reason, the raw message kept; a person may try again, and it comes to the same end
        for row in bad:
            assert row.last_error
            assert payload_of(row) in words
        row = bad.get(payload=b"break: 4")
        assert try_again(row)
        until(
            lambda: InboundMessage.objects.filter(
                pk=row.pk, attempts=1, last_error__contains="não entendi"
            ).exists()
        )
    assert good.count() == 10


def test_a_burst_of_500_mails_from_50_senders_is_500_entries(desk, home):
    ChannelPolicy.objects.update(acknowledge=False)  # what R-129 allows of them has its own test
    raws = [
        mail(sender=f"Cliente {n % 50} <cliente{n % 50}@empresa.example>", subject=f"Pedido {n}")
        for n in range(500)
    ]
    with smtp_sink() as (_sink, port), worker(home, smtp_port=port):
        for start in range(0, 500, 100):
            post(*raws[start : start + 100])
            post(*raws[start : start + 10])  # some come twice
        until(lambda: InboundMessage.objects.filter(state="done").count() == 500, seconds=90)
        until(quiet, seconds=90)
    assert ThreadEntry.objects.filter(kind="customer").count() == Ticket.objects.count() == 500
    assert len(set(Ticket.objects.values_list("protocol", flat=True))) == 500  # I4
    assert ContactAddress.objects.count() == 50
    per_ticket = Reaction.objects.filter(state="done").values("event__ticket").annotate(n=Count("pk"))
    assert {row["n"] for row in per_ticket} == {2}  # live and acknowledge, each once
