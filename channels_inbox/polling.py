"""Decides who polls a mailbox and what a failed poll means: one poller by lease, people told when it stays broken."""

import logging
import uuid

from django.db.models import Q

from channels_inbox import watch
from channels_inbox.adapters import adapter_for
from channels_inbox.adapters.base import CredentialsRefused
from channels_inbox.models import Channel
from helpdesk.lib.clock import AppNow
from helpdesk.lib.durable import LeaseLost, in_seconds
from helpdesk.logs import scrub

logger = logging.getLogger(__name__)
POLL_LEASE_SECONDS = 300
REFUSED_REST_SECONDS = 300  # a server locks accounts that are tried with a wrong password every few seconds


def heal_clock() -> None:
    """Take back leases and rests no right clock would have written: it was ahead and was set back (I6)."""
    far = in_seconds(2 * POLL_LEASE_SECONDS)
    Channel.objects.filter(poll_lease_until__gt=far).update(poll_lease_until=None, poll_lease_token=None)
    Channel.objects.filter(sending_paused_until__gt=far).update(sending_paused_until=AppNow())


def poll(channel: Channel) -> int:
    """Fetch one channel under a lease of its own; return the number of new messages (0 when another polls)."""
    token = uuid.uuid4()
    free = Q(poll_lease_until__isnull=True) | Q(poll_lease_until__lt=AppNow())
    mine = Channel.objects.filter(pk=channel.pk, enabled=True)
    if not mine.filter(free).update(poll_lease_until=in_seconds(POLL_LEASE_SECONDS), poll_lease_token=token):
        return 0
    channel.refresh_from_db()
    rest = 0
    try:
        new = adapter_for(channel).fetch()
    except LeaseLost:
        logger.warning("poll of %s: the lease was lost, another poller goes on", channel.key)
        return 0
    except CredentialsRefused as error:
        watch.credentials_refused(channel, str(error))
        new, rest = 0, REFUSED_REST_SECONDS
    except Exception as error:
        watch.fails(channel, sentence_of(error))
        logger.warning("polling %s failed: %s", channel.key, sentence_of(error))
        new = 0
    else:
        mine.update(last_success_at=AppNow(), failing_since=None, last_error="")
    finally:
        held = Channel.objects.filter(pk=channel.pk, poll_lease_token=token)
        held.update(poll_lease_until=in_seconds(rest) if rest else None, poll_lease_token=None)
    return new


def channels_to_poll() -> list[Channel]:
    """Return the channels that are polled and whose lease (or rest) is over."""
    free = Q(poll_lease_until__isnull=True) | Q(poll_lease_until__lt=AppNow())
    return [channel for channel in Channel.objects.filter(free, enabled=True) if adapter_for(channel).polls()]


def sentence_of(error: Exception) -> str:
    """Return what people may read of an error, without secrets."""
    return scrub(str(error) or type(error).__name__).replace("\x00", "")[:2000]
