"""Decides nothing: tasks load, delegate and leave the outcome in the rows. The bell only; the sweep is the net."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from celery import Task, shared_task
from django.db import close_old_connections, transaction

from channels_inbox.models import Channel, InboundMessage, OutboundMessage, Replay
from helpdesk.people.models import SiteSettings

logger = logging.getLogger(__name__)
DRAIN_BATCHES = 25


_held: ContextVar[set[Task] | None] = ContextVar("held_rings", default=None)


def ring_quietly(task: Task, *args: object, countdown: float = 0) -> None:
    """Queue a task; a broker that is away is no error, because the sweep rings again within seconds."""
    held = _held.get()
    if held is not None and not args and not countdown:
        held.add(task)
        return
    try:
        task.apply_async(args=args, countdown=countdown or None, retry=False)
    except Exception:
        logger.warning("the broker did not take %s; the sweep will", task.name)


@contextmanager
def one_ring() -> Iterator[None]:
    """Ring each task once at the end of the block, however often it was asked for: a batch is one bell."""
    held: set[Task] = set()
    mark = _held.set(held)
    try:
        yield
    finally:
        _held.reset(mark)
        for task in held:
            ring_quietly(task)


def ring_after_commit(task: Task, *args: object, countdown: float = 0) -> None:
    """Queue a task once the present transaction is committed."""
    transaction.on_commit(lambda: ring_quietly(task, *args, countdown=countdown))


def drain(batch: Callable[[], int], task: Task) -> None:
    """Work batches until nothing is due; after so many hand the rest to a fresh task, so that no run is long."""
    for _ in range(DRAIN_BATCHES):
        if not batch():
            return
    ring_quietly(task)


@shared_task
def process_inbound() -> None:
    """Drain arrivals that are due; hand the rest to a fresh task so that no run is long."""
    from channels_inbox.inbox import process_due

    drain(process_due, process_inbound)


@shared_task
def deliver_outbound() -> None:
    """Drain messages that may leave."""
    from channels_inbox.outbox import deliver_due

    drain(deliver_due, deliver_outbound)


@shared_task(soft_time_limit=240, time_limit=260)
def fetch_channel(channel_id: int) -> None:
    """Fetch one polled channel."""
    from channels_inbox.polling import poll

    poll(Channel.objects.get(pk=channel_id))


def stands_still() -> bool:
    """Whether this is a restored copy that nobody has called the one in use yet: it fetches nothing (R-429)."""
    return SiteSettings.objects.filter(outgoing_paused=True).exists()


@shared_task
def poll_channels() -> None:
    """Ring for every channel that is polled."""
    from channels_inbox.polling import channels_to_poll

    if stands_still():
        return
    for channel in channels_to_poll():
        ring_quietly(fetch_channel, channel.pk)


@shared_task
def watch_flow() -> None:
    """Every two minutes: is it too quiet somewhere, are the probes back?"""
    from channels_inbox.probe import run_probes
    from channels_inbox.silence import check_silence

    if stands_still():
        return
    run_probes()
    check_silence()


@shared_task
def replay_inbound() -> None:
    """Read stored arrivals once more, a quarter of a minute at a time."""
    from channels_inbox.replay import replay_due

    if replay_due():
        ring_quietly(replay_inbound)


@shared_task
def sweep() -> None:
    """Every 15 s: take back what dead workers held, ring for what is due, watch the channels."""
    from channels_inbox import outbox, polling, watch

    close_old_connections()
    InboundMessage.heal_clock()
    OutboundMessage.heal_clock()
    polling.heal_clock()
    InboundMessage.release_expired()
    Replay.release_expired()
    outbox.release_expired()
    outbox.try_rested()
    if InboundMessage.objects.all().due().exists():
        ring_quietly(process_inbound)
    if outbox.sendable().due().exists():
        ring_quietly(deliver_outbound)
    if Replay.objects.all().due().exists():
        ring_quietly(replay_inbound)
    watch.check_channels()
