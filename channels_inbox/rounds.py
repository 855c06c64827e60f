"""Decides which parsed arrivals may be handed over together: those that have nothing to do with one another.

One transaction for several messages is only as good as one each when none of them depends on another. Messages that
share a person or a Message-ID therefore come one after the other, in the order they arrived; whatever is no plain
message comes alone.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from channels_inbox.adapters.base import DeliveryReceipt, ParsedMessage
from channels_inbox.models import InboundMessage

MAX_BYTES = 8 * 1024 * 1024


class Read(NamedTuple):
    """A claimed arrival and what its adapter read in it."""

    row: InboundMessage
    parsed: ParsedMessage | DeliveryReceipt


def portions(messages: Iterable[Read]) -> Iterator[list[Read]]:
    """Yield the messages in portions of at most 8 MB (or one message), so that a batch of large ones fits in memory."""
    portion: list[Read] = []
    size = 0
    for message in messages:
        if portion and size + message.row.size > MAX_BYTES:
            yield portion
            portion, size = [], 0
        portion.append(message)
        size += message.row.size
    if portion:
        yield portion


def arrange(messages: Iterable[Read]) -> Iterator[list[Read]]:
    """Yield rounds of messages that touch nothing of each other; none overtakes another that it shares something with.

    What is no plain message is a round of its own, which nothing overtakes.
    """
    rounds: list[list[Read]] = []
    after: dict[str, int] = {}  # person or Message-ID → the first round that is free for it
    for message in messages:
        touched = _touched(message.parsed)
        if touched is None:
            yield from rounds
            yield [message]
            rounds, after = [], {}
            continue
        number = max((after.get(each, 0) for each in touched), default=0)
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(message)
        after.update(dict.fromkeys(touched, number + 1))
    yield from rounds


def _touched(parsed: ParsedMessage | DeliveryReceipt) -> set[str] | None:
    """Return the people and Message-IDs of a plain message; None for everything else."""
    if isinstance(parsed, DeliveryReceipt) or parsed.kind != "message":
        return None
    people = [parsed.sender, *parsed.copied]
    addresses = {person.address.strip().lower() if person else "" for person in people}
    return addresses | {f"<{each}>" for each in (parsed.message_id, *parsed.references) if each}
