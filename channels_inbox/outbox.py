"""Decides how a message leaves: frozen when written, one order per conversation, never a definite double send."""

import logging
from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from channels_inbox.adapters import adapter_for
from channels_inbox.adapters.base import DeliveryError, DeliveryReceipt, OutcomeUnknown
from channels_inbox.desk import get_desk
from channels_inbox.models import Channel, ChannelThread, OutboundMessage
from channels_inbox.transport import system_transport
from helpdesk.lib.clock import AppNow, app_now
from helpdesk.lib.durable import LeaseLost, crash_point, describe, in_seconds, jitter
from helpdesk.people.models import SiteSettings

logger = logging.getLogger(__name__)
GIVE_UP = timedelta(hours=24)
LONGEST_WAIT = 4 * 3600
FIRST_WAIT = 30
CHANNEL_REST = 30
RANK = {"": 0, "accepted": 1, "delivered": 2, "read": 3}


def enqueue(
    *,
    channel: Channel | None,
    purpose: str,
    idem_key: str,
    payload: bytes,
    message_id: str,
    recipient: str,
    subject: str = "",
    hold_seconds: float = 0,
) -> OutboundMessage:
    """Write one frozen message into the outbox, inside the caller's transaction; the bell rings after commit.

    The same `idem_key` again returns the row that stands and writes nothing. `hold_seconds`: how long it waits
    before it may leave (undo).
    """
    standing = OutboundMessage.objects.filter(idem_key=idem_key).first()
    if standing is not None:
        return standing
    thread = _next_place(channel, recipient) if channel is not None else None
    row = OutboundMessage.objects.create(
        channel=channel,
        thread=thread,
        position=thread.sequence if thread else 0,
        purpose=purpose,
        idem_key=idem_key,
        payload=payload,
        message_id=message_id,
        recipient=recipient,
        subject=subject[:255],
        next_at=in_seconds(hold_seconds),
    )
    transaction.on_commit(lambda: ring(hold_seconds))
    return row


def _next_place(channel: Channel, recipient: str) -> ChannelThread:
    """Return the recipient's conversation with its next position taken (the row stays locked until commit)."""
    threads = ChannelThread.objects.filter(channel=channel, far_address=recipient)
    if not threads.update(sequence=F("sequence") + 1):
        ChannelThread.objects.bulk_create(
            [ChannelThread(channel=channel, far_address=recipient)], ignore_conflicts=True
        )
        threads.update(sequence=F("sequence") + 1)
    return threads.get()


def ring(hold_seconds: float = 0) -> None:
    """Wake a sender when the message may leave; the sweep finds what the bell lost."""
    from channels_inbox.tasks import deliver_outbound, ring_quietly

    ring_quietly(deliver_outbound, countdown=hold_seconds + 0.2 if hold_seconds else 0)


def sendable() -> QuerySet[OutboundMessage]:
    """Rows that may be claimed: the lowest waiting row of each conversation, on channels that are not resting."""
    earlier = OutboundMessage.objects.filter(
        thread=OuterRef("thread"), position__lt=OuterRef("position"), state__in=["queued", "sending"]
    )
    resting = Q(channel__isnull=False, channel__sending_paused_until__gt=AppNow())
    return OutboundMessage.objects.filter(~Exists(earlier)).exclude(resting)


def deliver_due(limit: int = 5) -> int:
    """Claim a few sendable rows and deliver each; return how many were claimed. A paused copy sends nothing."""
    if SiteSettings.objects.filter(outgoing_paused=True).exists():
        return 0
    rows = sendable().claim(limit, related=["channel"])
    for row in rows:
        deliver(row)
    return len(rows)


def deliver(row: OutboundMessage) -> None:
    """Hand one claimed row to its channel and record the answer (reliability 1.3)."""
    try:
        provider_id = adapter_for(row.channel).send(row) if row.channel else system_transport().send(row)
    except LeaseLost:
        logger.warning("outbound %s: lease lost before it left", row.pk)
    except DeliveryError as error:
        _refused(row, error)
    except OutcomeUnknown as error:
        _settle(row, OutboundMessage.UNCERTAIN, last_error=describe(error))
    except Exception as error:
        logger.exception("outbound %s failed", row.pk)
        _refused(row, DeliveryError(describe(error))) if row.handed_at is None else _settle(
            row, OutboundMessage.UNCERTAIN, last_error=describe(error)
        )
    else:
        crash_point("after_send")
        _settle(row, OutboundMessage.DONE, provider_id=provider_id[:255], sent_at=AppNow(), last_error="")
        if row.channel is not None and row.channel.sending_paused_until is not None:
            bring_forward(row.channel)


def mark_handed(row: OutboundMessage) -> None:
    """Commit the point of no return before DATA or POST. Raises `LeaseLost` when the claim is no longer ours."""
    crash_point("before_handed")
    handed = OutboundMessage.objects.filter(pk=row.pk, lease_token=row.lease_token, state="sending")
    if handed.update(handed_at=AppNow()) != 1:
        raise LeaseLost(f"OutboundMessage {row.pk}")
    row.handed_at = timezone.now()  # only marks that the point is passed; the stored moment is the database's
    crash_point("after_handed")


def _settle(row: OutboundMessage, state: str, **changes: object) -> None:
    """Record the outcome and tell the desk, in one transaction."""
    try:
        with transaction.atomic():
            row.finish(state, **changes)
            for name, value in changes.items():
                setattr(row, name, value)
            get_desk().delivery_changed(row)
    except LeaseLost:
        logger.warning("outbound %s: outcome %s came after the lease", row.pk, state)


def _refused(row: OutboundMessage, error: DeliveryError) -> None:
    """A clear refusal: wait and try again, or fail where people see it (permanent, or 24 h old)."""
    too_old = app_now() - row.created_at > GIVE_UP
    if error.permanent or too_old:
        _settle(row, OutboundMessage.DEAD, last_error=describe(error), handed_at=None)
        return
    if error.channel_down and row.channel_id:
        Channel.objects.filter(pk=row.channel_id).update(sending_paused_until=in_seconds(CHANNEL_REST))
    wait = error.retry_after or min(LONGEST_WAIT, jitter(FIRST_WAIT * 2 ** (row.attempts - 1)))
    mine = OutboundMessage.objects.filter(pk=row.pk, lease_token=row.lease_token, state="sending")
    mine.update(
        state="queued", next_at=in_seconds(wait), handed_at=None, lease_token=None, lease_until=None,
        last_error=describe(error),
    )


def release_expired() -> int:
    """Resolve claims whose worker is gone: not yet handed over → queued again, else uncertain; return how many."""
    gone = OutboundMessage.objects.filter(state="sending", lease_until__lt=AppNow())
    released = gone.filter(handed_at__isnull=True).update(
        state="queued", next_at=AppNow(), lease_token=None, lease_until=None
    )
    for row in gone.filter(handed_at__isnull=False).select_related("channel"):
        note = _("The connection ended before the answer came.")
        _settle(row, OutboundMessage.UNCERTAIN, last_error=note)
        released += 1
    return released


def cancel(rows: QuerySet[OutboundMessage]) -> bool:
    """Withdraw rows nobody has claimed yet; True only when every one of them was still waiting (R-083).

    Must run inside a transaction: when False the caller rolls back, so that nothing is half withdrawn.
    """
    wanted = rows.count()
    return wanted > 0 and rows.filter(state="queued", attempts=0).update(state="cancelled") == wanted


def resolve_uncertain(row: OutboundMessage, *, arrived: bool) -> bool:
    """A person decides about an uncertain row: it arrived, or send it again; True when it was uncertain."""
    change = {"state": "sent"} if arrived else {"state": "queued", "next_at": AppNow(), "handed_at": None}
    return _by_hand(row, "uncertain", change)


def send_again(row: OutboundMessage) -> bool:
    """A person asks for another attempt of a failed row (same bytes, same Message-ID); True when it had failed."""
    change = {"state": "queued", "next_at": AppNow(), "attempts": 0, "handed_at": None, "created_at": AppNow()}
    return _by_hand(row, "failed", change)


def _by_hand(row: OutboundMessage, state: str, change: dict) -> bool:
    with transaction.atomic():
        if not OutboundMessage.objects.filter(pk=row.pk, state=state).update(**change, last_error=""):
            return False
        row.refresh_from_db()
        get_desk().delivery_changed(row)
        transaction.on_commit(ring)
    return True


def apply_receipt(receipt: DeliveryReceipt) -> bool:
    """Apply news about a message we sent; False when we sent no such message. The status only climbs.

    A receipt is evidence: an uncertain row becomes sent (or failed, when it came back).
    """
    wanted = Q(message_id=receipt.message_id) if receipt.message_id else Q(provider_id=receipt.provider_id)
    row = OutboundMessage.objects.select_for_update().filter(wanted).first()
    if row is None or (receipt.recipient and receipt.recipient != row.recipient):
        return False
    if receipt.status == "bounced":
        allowed = row.receipt in {"", "accepted"}
    else:
        allowed = row.receipt != "bounced" and RANK[receipt.status] > RANK[row.receipt]
    if not allowed:
        return True
    row.receipt, row.receipt_detail = receipt.status, receipt.detail[:500]
    if row.state == OutboundMessage.UNCERTAIN:
        row.state = OutboundMessage.DEAD if receipt.status == "bounced" else OutboundMessage.DONE
    row.save(update_fields=["receipt", "receipt_detail", "state"])
    get_desk().delivery_changed(row)
    return True


def bring_forward(channel: Channel) -> int:
    """A channel works again: everything that waited for it is due now (I6)."""
    Channel.objects.filter(pk=channel.pk).update(sending_paused_until=None)
    waiting = OutboundMessage.objects.filter(channel=channel, state="queued", attempts__gt=0)
    brought = waiting.update(next_at=AppNow())
    ring()
    return brought

