"""Decides when silence is a fault: longer than three times what was ever usual at this hour, while open (R-149)."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta

from channels_inbox import watch
from channels_inbox.desk import get_desk
from channels_inbox.models import Channel, InboundMessage
from helpdesk.lib.clock import AppNow, app_now

DAYS = 28
LOOK_BACK = timedelta(days=DAYS + 8)
AT_LEAST = timedelta(hours=2)
TIMES = 3
FEWEST_SAMPLES = 5


def check_silence() -> list[Channel]:
    """Raise the alarm for each channel that has gone silent; return those. Called every two minutes."""
    quiet = Channel.objects.filter(
        enabled=True, alarmed_at__isnull=True, last_inbound_at__lt=AppNow() - AT_LEAST
    )
    return [
        channel
        for channel in quiet
        if is_silent(channel) and watch.raise_alarm(channel, Channel.Alarm.SILENT)
    ]


def is_silent(channel: Channel) -> bool:
    """Whether nothing arrives although the desk is open and this hour was never so quiet in 28 days."""
    now, desk = app_now(), get_desk()
    if channel.last_inbound_at is None or not desk.is_open(channel, now):
        return False
    rows = InboundMessage.objects.filter(
        channel=channel, imported=False, received_at__gt=AppNow() - LOOK_BACK
    )
    arrivals = list(rows.order_by("received_at").values_list("received_at", flat=True))
    days = [now - timedelta(days=day) for day in range(1, DAYS + 1)]
    gaps = gaps_at([moment for moment in days if desk.is_open(channel, moment)], arrivals)
    if len(gaps) < FEWEST_SAMPLES:
        return False  # too young a channel to know what is usual
    return now - channel.last_inbound_at > max(AT_LEAST, TIMES * max(gaps))


def gaps_at(moments: Sequence[datetime], arrivals: Sequence[datetime]) -> list[timedelta]:
    """Return how long nothing had arrived at each moment; moments before the first arrival are left out."""
    found = []
    for moment in moments:
        position = bisect_right(arrivals, moment)
        if position:
            found.append(moment - arrivals[position - 1])
    return found
