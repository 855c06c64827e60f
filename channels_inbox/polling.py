"""Decides who polls a mailbox and what a failed poll means: one poller by lease, people told when it stays broken."""

import logging
import uuid

from django.db.models import Q

from channels_inbox.adapters import adapter_for
from channels_inbox.models import Channel
from helpdesk.lib.clock import AppNow
from helpdesk.lib.durable import describe, in_seconds

logger = logging.getLogger(__name__)
POLL_LEASE_SECONDS = 300


def poll(channel: Channel) -> int:
    """Fetch one channel under a lease of its own; return the number of new messages (0 when another polls)."""
    token = uuid.uuid4()
    free = Q(poll_lease_until__isnull=True) | Q(poll_lease_until__lt=AppNow())
    mine = Channel.objects.filter(pk=channel.pk, enabled=True)
    if not mine.filter(free).update(poll_lease_until=in_seconds(POLL_LEASE_SECONDS), poll_lease_token=token):
        return 0
    channel.poll_lease_token = token
    try:
        new = adapter_for(channel).fetch()
    except Exception as error:
        logger.warning("polling %s failed: %s", channel.key, describe(error))
        mine.filter(failing_since__isnull=True).update(failing_since=AppNow())
        mine.update(last_error=describe(error))
        new = 0
    else:
        mine.update(last_success_at=AppNow(), failing_since=None, last_error="")
    finally:
        mine.filter(poll_lease_token=token).update(poll_lease_until=None, poll_lease_token=None)
    return new
