"""Decides how the desk answers the channels: the one upward call (`settings.DESK`)."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from channels_inbox.adapters.base import ParsedMessage
from channels_inbox.adapters.portal import LINK_REQUEST
from channels_inbox.desk import Arrival, BaseDesk
from channels_inbox.models import Channel, InboundMessage, OutboundMessage
from helpdesk.lib.clock import app_now
from helpdesk.people.site import site_settings
from tickets import alarms, bounces, events, intake, link_requests, rereading
from tickets.calendars import calendar_of
from tickets.models import ChannelPolicy, EntryDelivery
from tickets.permissions import may


class Desk(BaseDesk):
    """The help desk as the channels see it."""

    def received(self, arrivals: Sequence[Arrival]) -> list[bool]:
        if [arrival.parsed.kind for arrival in arrivals] == [LINK_REQUEST]:
            return [link_requests.answer(arrivals[0].parsed)]
        return intake.take(arrivals)

    def read_again(self, inbound: InboundMessage, parsed: ParsedMessage) -> list[str]:
        return rereading.add_missing(inbound, parsed)

    def delivery_changed(self, outbound: OutboundMessage) -> None:
        if outbound.receipt == OutboundMessage.Receipt.BOUNCED:
            bounces.mark_address(outbound)
            return
        delivery = EntryDelivery.objects.filter(outbound=outbound).select_related("entry__ticket").first()
        if delivery is not None:
            events.record("delivery_changed", delivery.entry.ticket, data={"state": outbound.state})

    def inbound_died(self, inbound: InboundMessage) -> None:
        alarms.message_died(inbound)

    def channel_alarm(self, channel: Channel, *, over: bool) -> None:
        alarms.channel_silent(channel, over=over)

    def opening_of(self, channel: Channel) -> Callable[[datetime], bool]:
        policy = ChannelPolicy.objects.filter(channel=channel).select_related("department").first()
        if policy is None:
            return super().opening_of(channel)
        return calendar_of(policy.department, site=site_settings(), near=app_now()).is_open

    def may_configure(self, user: Any) -> bool:
        return may(user, "settings_write")

    def complained(self, outbound: OutboundMessage) -> None:
        bounces.mark_address(outbound)
