"""Decides when people must know that a channel no longer works, and when that is over (R-149).

One alarm at a time a channel, told once, never by the channel itself; it stands as a banner until mail flows.
"""

from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _

from channels_inbox.desk import get_desk
from channels_inbox.models import Channel
from helpdesk.lib.clock import AppNow

FAILING_MINUTES = 15
_CONNECTION = (Channel.Alarm.FAILING, Channel.Alarm.REFUSED, "")


def check_channels() -> None:
    """Raise the alarm once for each channel that fails too long; end alarms whose cause is gone. Every sweep."""
    long_ago = AppNow() - timedelta(minutes=FAILING_MINUTES)
    for channel in Channel.objects.filter(enabled=True, failing_since__lt=long_ago, alarmed_at__isnull=True):
        raise_alarm(channel, Channel.Alarm.FAILING)
    for channel in _healed():
        end_alarm(channel)
    unasked = Q(alarm_reason=Channel.Alarm.PROBE) & ~Q(options__contains={"probe": True})
    given_up = Channel.objects.filter(Q(enabled=False) | unasked, alarmed_at__isnull=False)
    given_up.update(alarmed_at=None, alarm_reason="")


def _healed() -> QuerySet[Channel]:
    connected = Q(alarm_reason__in=_CONNECTION, failing_since__isnull=True)
    flows = Q(
        alarm_reason__in=[Channel.Alarm.SILENT, Channel.Alarm.PROBE], last_inbound_at__gt=F("alarmed_at")
    )
    sends = Q(alarm_reason=Channel.Alarm.SENDING, sending_paused_until__isnull=True)
    probed = Q(alarm_reason=Channel.Alarm.PROBE, probe_back_at__gt=F("alarmed_at"))
    return Channel.objects.filter(connected | flows | sends | probed, enabled=True, alarmed_at__isnull=False)


def raise_alarm(channel: Channel, reason: str) -> bool:
    """Tell people once; True when it was news. An alarm that stands already is not told again."""
    with transaction.atomic():
        calm = Channel.objects.filter(pk=channel.pk, alarmed_at__isnull=True)
        if not calm.update(alarmed_at=AppNow(), alarm_reason=reason):
            return False
        channel.refresh_from_db()
        get_desk().channel_alarm(channel, over=False)
    return True


def end_alarm(channel: Channel) -> bool:
    """Tell people that it is over; True when an alarm stood."""
    with transaction.atomic():
        alarmed = Channel.objects.filter(pk=channel.pk, alarmed_at__isnull=False)
        if not alarmed.update(alarmed_at=None, alarm_reason=""):
            return False
        channel.refresh_from_db()
        get_desk().channel_alarm(channel, over=True)
    return True


def fails(channel: Channel, sentence: str) -> None:
    """Note that the connection failed just now; the first failure of a row of them counts."""
    mine = Channel.objects.filter(pk=channel.pk)
    mine.filter(failing_since__isnull=True).update(failing_since=AppNow())
    mine.update(last_error=sentence[:2000])


def credentials_refused(channel: Channel, sentence: str) -> None:
    """The far side no longer takes our credentials: waiting does not help, so people are told at once (R-135)."""
    fails(channel, sentence)
    raise_alarm(channel, Channel.Alarm.REFUSED)


def works_again(channel: Channel) -> None:
    """The connection is proved to work: nothing of the failure stays, and the next poll comes at once."""
    Channel.objects.filter(pk=channel.pk).update(
        failing_since=None, last_error="", last_success_at=AppNow(), poll_lease_until=None
    )
    channel.refresh_from_db()
    if channel.alarmed_at and channel.alarm_reason in _CONNECTION:
        end_alarm(channel)


def troubled_channels() -> list[Channel]:
    """Return the channels with a standing alarm, for the banner administrators see on every page."""
    return list(Channel.objects.filter(enabled=True, alarmed_at__isnull=False).order_by("alarmed_at"))


def trouble_sentence(channel: Channel) -> str:
    """Say in one sentence what is wrong with a troubled channel."""
    sentences = {
        Channel.Alarm.REFUSED: _("The mail server refuses the credentials of %(name)s."),
        Channel.Alarm.SENDING: _("The sending server refuses the credentials of %(name)s; replies wait."),
        Channel.Alarm.SILENT: _("%(name)s receives nothing, although the desk is open."),
        Channel.Alarm.PROBE: _("The test message of %(name)s did not come back."),
    }
    sentence = sentences.get(channel.alarm_reason, _("%(name)s cannot be reached."))  # type: ignore[call-overload]  # the reason is one of the keys
    return sentence % {"name": channel.name}
