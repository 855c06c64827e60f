"""Decides how a message leaves: frozen when written, one order per conversation, never a definite double send."""

import logging
from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from channels_inbox import watch
from channels_inbox.adapters import adapter_for
from channels_inbox.adapters.base import CredentialsRefused, DeliveryError, DeliveryReceipt, OutcomeUnknown
from channels_inbox.desk import get_desk
from channels_inbox.models import Channel, ChannelThread, OutboundMessage
from channels_inbox.transport import LOCAL, system_transport
from helpdesk.lib.clock import AppNow, app_now
from helpdesk.lib.durable import DurableQuerySet, LeaseLost, crash_point, describe, in_seconds, jitter
from helpdesk.people.models import SiteSettings

logger = logging.getLogger(__name__)
GIVE_UP = timedelta(hours=24)
LONGEST_WAIT = OutboundMessage.longest_wait
FIRST_WAIT = 30
CHANNEL_REST = 10
CREDENTIALS_REST = 300  # a server locks accounts that are tried with a wrong password every few seconds
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
    withdrawn: bool = False,
) -> OutboundMessage:
    """Write one frozen message into the outbox, inside the caller's transaction; the bell rings after commit.

    The same `idem_key` again returns the row that stands and writes nothing. `hold_seconds`: how long it waits
    before it may leave (undo). `withdrawn`: the row is written but never leaves (a stand-in, A15).
    """
    standing = OutboundMessage.objects.filter(idem_key=idem_key).first()
    if standing is not None:
        return standing
    thread = _next_place(channel, recipient) if channel is not None else None
    row = OutboundMessage.objects.create(
        channel=channel,
        thread=thread,
        position=thread.sequence if thread else 0,
        state=OutboundMessage.CANCELLED if withdrawn else OutboundMessage.WAITING,
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


def hold_places(channel: Channel, recipients: Iterable[str]) -> None:
    """Lock the conversations of a message to several people in one order, so that two of them never wait in a circle.

    To be called before the first `enqueue` of such a message, inside the same transaction.
    """
    wanted = sorted(set(recipients))
    if len(wanted) > 1:
        ChannelThread.objects.bulk_create(
            [ChannelThread(channel=channel, far_address=each) for each in wanted], ignore_conflicts=True
        )
        threads = ChannelThread.objects.filter(channel=channel, far_address__in=wanted)
        list(threads.order_by("far_address").select_for_update(no_key=True).values_list("pk"))


def ring(hold_seconds: float = 0) -> None:
    """Wake a sender when the message may leave; the sweep finds what the bell lost."""
    from channels_inbox.tasks import deliver_outbound, ring_quietly

    ring_quietly(deliver_outbound, countdown=hold_seconds + 0.2 if hold_seconds else 0)


def sendable() -> DurableQuerySet:
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
    resting: set[int] = set()
    for row in rows:
        if row.channel_id in resting:
            _put_back(row)
        elif not deliver(row) and row.channel_id:
            resting.add(row.channel_id)
    return len(rows)


def _put_back(row: OutboundMessage) -> None:
    """Return a claimed row untried: its channel went to rest while it waited for its turn in the batch."""
    _mine(row).update(
        state="queued", attempts=F("attempts") - 1, next_at=AppNow(), lease_token=None, lease_until=None
    )


def deliver(row: OutboundMessage) -> bool:
    """Hand one claimed row to its channel and record the answer (reliability 1.3); False when the channel rests."""
    try:
        provider_id = adapter_for(row.channel).send(row) if row.channel else system_transport().send(row)
    except LeaseLost:
        logger.warning("outbound %s: lease lost before it left", row.pk)
    except DeliveryError as error:
        _refused(row, error)
        return not error.channel_down
    except CredentialsRefused as error:
        _wait_for_credentials(row, error)
        return False
    except OutcomeUnknown as error:
        _uncertain(row, str(error))
    except Exception as error:
        logger.exception("outbound %s failed", row.pk)
        if row.handed_at is None:
            _refused(row, DeliveryError(describe(error)))
        else:
            _uncertain(row, describe(error))
    else:
        crash_point("after_send")
        _settle(row, OutboundMessage.DONE, provider_id=provider_id[:255], sent_at=AppNow(), last_error="")
        if row.channel is not None and row.channel.sending_paused_until is not None:
            bring_forward(row.channel)
    return True


def mark_handed(row: OutboundMessage) -> None:
    """Commit the point of no return before DATA or POST, with a whole lease left for the answer.

    Raises `LeaseLost` when the claim is no longer ours.
    """
    crash_point("before_handed")
    if _mine(row).update(handed_at=AppNow(), lease_until=in_seconds(settings.LEASE_SECONDS)) != 1:
        raise LeaseLost(f"OutboundMessage {row.pk}")
    row.handed_at = timezone.now()  # only marks that the point is passed; the stored moment is the database's
    crash_point("after_handed")


def _mine(row: OutboundMessage) -> QuerySet[OutboundMessage]:
    """Return the row while our claim of it holds."""
    return OutboundMessage.objects.filter(pk=row.pk, lease_token=row.lease_token, state="sending")


def _uncertain(row: OutboundMessage, reason: str) -> None:
    """No clear answer came: uncertain, unless a receipt has already told what became of it."""
    known = OutboundMessage.objects.filter(pk=row.pk).values_list("receipt", flat=True).first() or ""
    state = OutboundMessage.DONE if known else OutboundMessage.UNCERTAIN
    _settle(row, OutboundMessage.DEAD if known == "bounced" else state, last_error=reason)


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


def _wait_for_credentials(row: OutboundMessage, error: CredentialsRefused) -> None:
    """Only people can help: the channel rests and its outbox is kept, however long it takes (R-135)."""
    if row.channel is not None:
        resting = Channel.objects.filter(pk=row.channel.pk)
        resting.update(sending_paused_until=in_seconds(CREDENTIALS_REST))
        watch.raise_alarm(row.channel, Channel.Alarm.SENDING)
    _mine(row).update(
        state="queued",
        next_at=in_seconds(CREDENTIALS_REST),
        lease_token=None,
        lease_until=None,
        last_error=str(error)[:2000],
    )


def _refused(row: OutboundMessage, error: DeliveryError) -> None:
    """A clear refusal: wait and try again, or fail where people see it (permanent, or 24 h old)."""
    too_old = app_now() - row.created_at > GIVE_UP
    if error.permanent or too_old:
        _settle(row, OutboundMessage.DEAD, last_error=describe(error), handed_at=None)
        return
    if error.channel_down and row.channel_id:
        Channel.objects.filter(pk=row.channel_id).update(sending_paused_until=in_seconds(CHANNEL_REST))
    wait = error.retry_after or jitter(min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(row.attempts - 1, 20)))
    if error.channel_down and row.channel_id is None:
        wait = jitter(CHANNEL_REST)  # account mail has no channel that could rest for it
    _mine(row).update(
        state="queued",
        next_at=in_seconds(wait),
        handed_at=None,
        lease_token=None,
        lease_until=None,
        last_error=describe(error),
    )


def release_expired() -> int:
    """Resolve claims whose worker is gone: not yet handed over → queued again, else uncertain; return how many."""
    gone = OutboundMessage.objects.filter(state="sending", lease_until__lt=AppNow())
    released = gone.filter(handed_at__isnull=True).update(
        state="queued", next_at=AppNow(), lease_token=None, lease_until=None
    )
    for row in gone.filter(handed_at__isnull=False).select_related("channel"):
        _uncertain(row, _("The connection ended before the answer came."))
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
    change = {
        "state": "queued",
        "next_at": AppNow(),
        "attempts": 0,
        "handed_at": None,
        "created_at": AppNow(),
    }
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

    A receipt is evidence: an uncertain row becomes sent (or failed, when it came back). A complaint says that it
    arrived, and is told to the desk once.
    """
    row = _row_of(receipt)
    if row is None or (receipt.recipient and receipt.recipient.lower() != row.recipient.lower()):
        return False
    if receipt.status == "complained":
        return _complained(row, receipt)
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


def _row_of(receipt: DeliveryReceipt) -> OutboundMessage | None:
    rows = OutboundMessage.objects.select_for_update()
    found = rows.filter(message_id=receipt.message_id).first() if receipt.message_id else None
    if found is None and receipt.provider_id and receipt.provider_id != LOCAL:
        found = rows.filter(provider_id=receipt.provider_id).first()
    return found


def _complained(row: OutboundMessage, receipt: DeliveryReceipt) -> bool:
    reason = f"complaint: {receipt.detail}"[:500]
    if row.receipt_detail == reason:
        return True
    row.receipt_detail = reason
    row.save(update_fields=["receipt_detail"])
    get_desk().complained(row)
    return True


def try_rested() -> int:
    """A rest is over: one waiting message of each such channel tries at once, so that nobody sits out a long wait
    after the fault is healed (I6); return how many. The sweep calls it."""
    tried = 0
    for channel in Channel.objects.filter(sending_paused_until__lte=AppNow()):
        waiting = sendable().filter(channel=channel, state="queued", attempts__gt=0, next_at__gt=AppNow())
        first = waiting.order_by("next_at", "id").values_list("pk", flat=True).first()
        if first is not None:
            tried += OutboundMessage.objects.filter(pk=first, state="queued").update(next_at=AppNow())
    return tried


def bring_forward(channel: Channel) -> int:
    """A channel works again: everything that waited for it is due now (I6)."""
    Channel.objects.filter(pk=channel.pk).update(sending_paused_until=None)
    waiting = OutboundMessage.objects.filter(channel=channel, state="queued", attempts__gt=0)
    brought = waiting.update(next_at=AppNow())
    ring()
    return brought
