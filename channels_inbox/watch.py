"""Decides when a channel has gone silent: fetching failed for 15 minutes, and people must know (R-149)."""

from datetime import timedelta

from django.db import transaction

from channels_inbox.desk import get_desk
from channels_inbox.models import Channel
from helpdesk.lib.clock import AppNow

FAILING_MINUTES = 15


def check_channels() -> None:
    """Raise the alarm once for each channel that fails too long, and end it when it works again."""
    long_ago = AppNow() - timedelta(minutes=FAILING_MINUTES)
    failing = Channel.objects.filter(enabled=True, failing_since__lt=long_ago, alarmed_at__isnull=True)
    healed = Channel.objects.filter(failing_since__isnull=True, alarmed_at__isnull=False)
    for channel in failing:
        _tell(channel, over=False)
    for channel in healed:
        _tell(channel, over=True)


def _tell(channel: Channel, *, over: bool) -> None:
    with transaction.atomic():
        unchanged = Channel.objects.filter(pk=channel.pk, alarmed_at__isnull=not over)
        if unchanged.update(alarmed_at=None if over else AppNow()):
            get_desk().channel_alarm(channel, over=over)
