"""Decides when silence is a fault: longer than three times what was ever usual at this hour, while open (R-149)."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from channels_inbox import watch
from channels_inbox.desk import get_desk
from channels_inbox.models import Channel, InboundMessage
from helpdesk.lib.clock import AppNow, app_now

DAYS = 28
LOOK_BACK = timedelta(days=DAYS + 8)
AT_LEAST = timedelta(hours=2)
STEP = timedelta(minutes=10)
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
    """Whether nothing arrived for two open hours and this hour was never so quiet in 28 days."""
    now, is_open = app_now(), get_desk().opening_of(channel)
    if channel.last_inbound_at is None or not is_open(now):
        return False
    if open_time(channel.last_inbound_at, now, is_open=is_open) < AT_LEAST:
        return False
    rows = InboundMessage.objects.filter(
        channel=channel, imported=False, received_at__gt=AppNow() - LOOK_BACK
    )
    arrivals = list(rows.order_by("received_at").values_list("received_at", flat=True))
    days = [now - timedelta(days=day) for day in range(1, DAYS + 1)]
    gaps = gaps_at([moment for moment in days if is_open(moment)], arrivals)
    if len(gaps) < FEWEST_SAMPLES:
        return False  # too young a channel to know what is usual
    return now - channel.last_inbound_at > max(AT_LEAST, TIMES * max(gaps))


def open_time(start: datetime, now: datetime, *, is_open: Callable[[datetime], bool]) -> timedelta:
    """Return how long the desk was open between two moments, to ten minutes, counted back until it is enough."""
    found, moment = timedelta(0), now
    while moment > max(start, now - LOOK_BACK) and found < AT_LEAST:
        if is_open(moment):
            found += min(STEP, moment - start)
        moment -= STEP
    return found


def gaps_at(moments: Sequence[datetime], arrivals: Sequence[datetime]) -> list[timedelta]:
    """Return how long nothing had arrived at each moment; moments before the first arrival are left out."""
    found = []
    for moment in moments:
        position = bisect_right(arrivals, moment)
        if position:
            found.append(moment - arrivals[position - 1])
    return found
