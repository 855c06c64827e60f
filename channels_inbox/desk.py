"""Decides how a channel tells the desk what happened, without knowing what a ticket is.

`settings.DESK` names a subclass. Every method is called inside the transaction that changes the row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from channels_inbox.adapters.base import ParsedMessage
    from channels_inbox.models import Channel, InboundMessage, OutboundMessage


@dataclass(frozen=True)
class Arrival:
    """One stored message and what it says."""

    inbound: "InboundMessage"
    parsed: "ParsedMessage"


class BaseDesk:
    """What channels may ask of the desk. The defaults do nothing."""

    def received(self, arrivals: Sequence[Arrival]) -> list[bool]:
        """Take over messages, all or none; return for each whether it was something for the desk (else its row becomes
        `ignored`).

        Several at once are plain messages that share no person and no Message-ID (`rounds.arrange`), so none can
        depend on another.
        """
        return [False] * len(arrivals)

    def read_again(self, inbound: "InboundMessage", parsed: "ParsedMessage") -> list[str]:
        """A message taken over before was read once more: add what is missing, double nothing; say what was new."""
        return []

    def delivery_changed(self, outbound: "OutboundMessage") -> None:
        """A row that left (or failed to) has a new state or receipt."""

    def inbound_died(self, inbound: "InboundMessage") -> None:
        """A message could not be understood after every attempt; people must look at it."""

    def channel_alarm(self, channel: "Channel", *, over: bool) -> None:
        """Messages of this channel stopped arriving (or, with `over`, flow again)."""

    def opening_of(self, channel: "Channel") -> "Callable[[datetime], bool]":
        """Return the question whether the desk expects messages on this channel at a moment (opening hours)."""
        return lambda _moment: True

    def may_configure(self, user: Any) -> bool:
        """Whether a person may set channels up."""
        return False

    def complained(self, outbound: "OutboundMessage") -> None:
        """The recipient reported a message of ours as unwanted."""


@lru_cache
def get_desk() -> BaseDesk:
    """Return the desk named by `settings.DESK`."""
    return import_string(settings.DESK)()
