"""Decides how a mailbox is tried from end to end: a mail it sends to itself must be back in ten minutes (R-149).

The channel's option `probe`, a field of its form, turns it on. A probe is known by its signed Message-ID and never
becomes a ticket.
"""

from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from channels_inbox import outbox, watch
from channels_inbox.mailbox_ids import new_probe_id
from channels_inbox.models import Channel, OutboundMessage
from helpdesk.lib.clock import AppNow

EVERY = timedelta(hours=1)
BACK_WITHIN = timedelta(minutes=10)


def run_probes() -> None:
    """Raise the alarm for probes that are not back, then send those that are due. Called every two minutes."""
    lost = Q(probe_back_at__isnull=True) | Q(probe_back_at__lt=F("probe_sent_at"))
    # One that is older than an hour tells nothing: probing was off meanwhile, or the workers were away.
    missed = {"probe_sent_at__lt": AppNow() - BACK_WITHIN, "probe_sent_at__gt": AppNow() - EVERY}
    late = _probed().filter(lost, alarmed_at__isnull=True, **missed)
    for channel in late:
        watch.raise_alarm(channel, Channel.Alarm.PROBE)
    due = Q(probe_sent_at__isnull=True) | Q(probe_sent_at__lte=AppNow() - EVERY)
    for channel in _probed().filter(due):
        send_probe(channel)


def _probed():
    return Channel.objects.filter(kind="email", enabled=True, options__probe=True).exclude(address="")


def send_probe(channel: Channel) -> OutboundMessage:
    """Put a probe into the outbox, from the channel to itself."""
    message_id = new_probe_id(channel.pk, domain=channel.address.partition("@")[2])
    message = EmailMessage(policy=SMTP)
    message["From"] = message["To"] = channel.address
    message["Subject"] = _("Test of the mailbox")
    message["Date"] = format_datetime(timezone.now())
    message["Message-ID"] = f"<{message_id}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_("The help desk sends this mail to itself to see whether mail arrives."))
    with transaction.atomic():
        row = outbox.enqueue(
            channel=channel,
            purpose=OutboundMessage.Purpose.NOTIFY,
            idem_key=f"probe:{message_id}",
            payload=message.as_bytes(),
            message_id=message_id,
            recipient=channel.address,
            subject=message["Subject"],
        )
        Channel.objects.filter(pk=channel.pk).update(probe_sent_at=AppNow())
    return row


def probe_came_back(channel: Channel, message_id: str) -> bool:
    """Note that a probe arrived; only one this channel really sent counts."""
    sent = OutboundMessage.objects.filter(
        channel=channel, message_id=message_id, idem_key=f"probe:{message_id}"
    )
    return (
        bool(message_id)
        and sent.exists()
        and bool(Channel.objects.filter(pk=channel.pk).update(probe_back_at=AppNow()))
    )
