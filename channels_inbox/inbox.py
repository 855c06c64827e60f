"""Decides how a message gets in: stored and committed before anyone interprets it, processed under a lease."""

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import prefetch_related_objects

from channels_inbox import files
from channels_inbox.adapters import adapter_for
from channels_inbox.adapters.base import DeliveryReceipt, Envelope, ParsedMessage
from channels_inbox.confined import ParseTooExpensive, parse_confined
from channels_inbox.desk import Arrival, get_desk
from channels_inbox.models import Channel, InboundMessage
from channels_inbox.rounds import Read, arrange, portions
from channels_inbox.tasks import one_ring, ring_quietly
from helpdesk.lib.clock import AppNow
from helpdesk.lib.durable import LeaseLost, crash_point, describe

logger = logging.getLogger(__name__)
IN_DATABASE_BYTES = 5 * 1024 * 1024


def store(
    channel: Channel, envelopes: Iterable[Envelope], *, fence: UUID | None = None, **channel_changes: object
) -> int:
    """Store arrivals of a channel and commit; return how many are new. A repeat adds nothing.

    `channel_changes` (a poll cursor, for example) are written in the same commit. With `fence` (the poller's lease
    token) nothing is stored unless that lease still holds: raises `LeaseLost`. Bodies above 5 MB go to file
    storage first. The bell is rung after the commit; the sweep finds what the bell lost.
    """
    rows = [_row(channel, envelope) for envelope in envelopes]
    with transaction.atomic():
        known = _known(channel, rows)
        fresh = {bytes(row.fingerprint): row for row in rows if bytes(row.fingerprint) not in known}
        new = len(fresh)
        if rows or channel_changes:  # first: two that store the same mails wait here, not in a circle
            _update_channel(
                channel, fence=fence, **channel_changes, **({"last_inbound_at": AppNow()} if new else {})
            )
        InboundMessage.objects.bulk_create(rows, ignore_conflicts=True)
        for row in fresh.values():
            if row.state == InboundMessage.DEAD:
                get_desk().inbound_died(row)
        if new:
            transaction.on_commit(ring)
    crash_point("after_store")
    return new


def _update_channel(channel: Channel, *, fence: UUID | None, **changes: object) -> None:
    mine = Channel.objects.filter(pk=channel.pk)
    if fence is not None:
        mine = mine.filter(poll_lease_token=fence)
    if changes and not mine.update(**changes) and fence is not None:
        raise LeaseLost(f"poll of {channel.key}")


def _row(channel: Channel, envelope: Envelope) -> InboundMessage:
    row = InboundMessage(
        state="dead" if envelope.quarantine else "new",
        last_error=describe(envelope.quarantine),
        imported=envelope.imported,
        channel=channel,
        fingerprint=envelope.fingerprint,
        external_id=envelope.external_id[:255],
        size=len(envelope.payload),
    )
    if row.size > IN_DATABASE_BYTES:
        row.payload_file = files.keep(envelope.payload)
    else:
        row.payload = envelope.payload
    return row


def _known(channel: Channel, rows: list[InboundMessage]) -> set[bytes]:
    prints = [row.fingerprint for row in rows]
    known = InboundMessage.objects.filter(channel=channel, fingerprint__in=prints).values_list(
        "fingerprint", flat=True
    )
    return {bytes(each) for each in known} if prints else set()


def ring() -> None:
    """Wake a worker; a broker that is away costs seconds (the sweep), nothing else."""
    from channels_inbox.tasks import process_inbound

    ring_quietly(process_inbound)


def payload_of(row: InboundMessage) -> bytes:
    """Return the raw bytes of an arrival, wherever they lie."""
    return files.read(row.payload_file) if row.payload_file else bytes(row.payload or b"")


def process_due(limit: int | None = None) -> int:
    """Claim one batch of due arrivals and process it in rounds (`rounds.arrange`); return how many were claimed."""
    rows = InboundMessage.objects.all().claim(limit or settings.CLAIM_BATCH)
    prefetch_related_objects(rows, "channel")  # one object a channel, not one a row
    with one_ring():
        for portion in portions(_read_in_time(rows)):
            for messages in arrange(portion):
                _hand_over(messages)
    return len(rows)


def process(row: InboundMessage) -> None:
    """Hand one claimed arrival to the desk, all or nothing; on error it stays stored and waits or stands as dead."""
    if (parsed := _read(row)) is not None:
        _hand_over([Read(row, parsed)])


def _read_in_time(rows: Sequence[InboundMessage]) -> Iterator[Read]:
    """Parse claimed rows one after the other; what could not be parsed is left out and waits, or stands as dead.

    Rows that wait behind slow ones until half of the lease is over are put back untried, for whoever is free.
    """
    half = time.monotonic() + settings.LEASE_SECONDS / 2
    for position, row in enumerate(rows):
        if position and time.monotonic() > half:
            InboundMessage.put_back(rows[position:])
            ring()
            return
        if (parsed := _read(row)) is not None:
            yield Read(row, parsed)


def _read(row: InboundMessage) -> ParsedMessage | DeliveryReceipt | None:
    try:
        parsed = parse_confined(adapter_for(row.channel), payload_of(row), isolated=row.attempts > 1)
    except (Exception, ParseTooExpensive) as error:
        _failed(row, error)
        return None
    crash_point("after_parse")
    return parsed


def _hand_over(messages: Sequence[Read]) -> None:
    """Hand a round to the desk and finish its rows, all or nothing; if that fails, each message stands for itself, so
    that only the one at fault waits or dies."""
    rows = [message.row for message in messages]
    try:
        with transaction.atomic():
            states = _received(messages)
            crash_point("before_commit")
            InboundMessage.finish_together(rows, states)
        crash_point("after_commit")
    except Exception as error:
        if len(messages) > 1:
            logger.warning(
                "a round of %s arrivals failed (%s); each by itself now", len(rows), describe(error)
            )
            for message in messages:
                _hand_over([message])
        elif isinstance(error, LeaseLost):
            logger.warning("inbound %s: lease lost, rolled back", rows[0].pk)
        else:
            _failed(rows[0], error)


def _failed(row: InboundMessage, error: BaseException) -> None:
    logger.error("inbound %s failed", row.pk, exc_info=error)
    if row.fail(error):
        get_desk().inbound_died(row)


def _received(messages: Sequence[Read]) -> list[str]:
    """Give a round to whom it concerns; return the final state of each row."""
    row, parsed = messages[0]
    if isinstance(parsed, DeliveryReceipt):
        from channels_inbox.outbox import apply_receipt

        return [InboundMessage.DONE if apply_receipt(parsed) else InboundMessage.IGNORED]
    if parsed.kind == "probe":
        from channels_inbox.probe import probe_came_back

        probe_came_back(row.channel, parsed.message_id)
    arrivals = [Arrival(row, said) for row, said in messages if isinstance(said, ParsedMessage)]
    taken = get_desk().received(arrivals)
    return [InboundMessage.DONE if each else InboundMessage.IGNORED for each in taken]


def try_again(row: InboundMessage) -> bool:
    """A person asks for another attempt on a dead row; True when it was dead."""
    again = InboundMessage.objects.filter(pk=row.pk, state=InboundMessage.DEAD)
    if not again.update(state="new", attempts=0, next_at=AppNow(), lease_token=None):
        return False
    transaction.on_commit(ring)
    return True
