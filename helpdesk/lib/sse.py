"""Decides how open screens hear of changes: server-sent events that carry ids only.

Publishing is a hint over Redis; one subscription a process fans out to its clients. A slow client is closed, a
lost hint is harmless: on reconnect the screen fetches everything again. The stream touches no database.
"""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import redis
import redis.asyncio
from django.conf import settings

from helpdesk.lib.broker import client

logger = logging.getLogger(__name__)
HEARTBEAT_SECONDS = 15
QUEUE_LENGTH = 100
Message = dict[str, Any]
Wanted = Callable[[Message], bool]


def _name(topic: str) -> str:
    return f"{settings.KEY_PREFIX}:live:{topic}"


def _counter(topic: str) -> str:
    return f"{_name(topic)}:at"


def publish(topic: str, message: Message) -> None:
    """Announce a message on a topic, with its number `at`; a broker that is away is no error."""
    try:
        position = client().incr(_counter(topic))
        if position == 1:  # a new or emptied broker: never count again what an open page has seen
            position = client().incrby(_counter(topic), time.time_ns() // 1_000)
        client().publish(_name(topic), json.dumps({**message, "at": position}))
    except redis.RedisError as error:
        logger.warning("live hint lost: %s", error)


def whisper(topic: str, message: Message) -> None:
    """Announce what nobody must catch up with: without a number; a broker that is away is no error."""
    try:
        client().publish(_name(topic), json.dumps(message))
    except redis.RedisError as error:
        logger.warning("live hint lost: %s", error)


def position(topic: str) -> int | None:
    """Return the number of the last message of a topic (0: none yet), None when the broker is away.

    A page asks before it reads its rows; a stream that starts at another number tells it that it missed something.
    """
    try:
        return int(client().get(_counter(topic)) or 0)
    except redis.RedisError:
        return None


def revoke(user_id: int) -> None:
    """Close every open stream of a user at once (rights, password or state changed; A16, A21)."""
    whisper("tickets", {"revoke": user_id})


class Hub:
    """One Redis subscription of this process, shared by its open streams."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.queues: set[asyncio.Queue[Message | None]] = set()
        self.reader: asyncio.Task[None] | None = None
        self.listening = asyncio.Event()

    async def stream(self, wanted: Wanted, *, user_id: int) -> AsyncIterator[bytes]:
        """Yield SSE bytes of the messages `wanted` lets through, with a heartbeat, until revoked or too slow.

        The greeting says the position the stream starts at: what is published later is heard.
        """
        queue: asyncio.Queue[Message | None] = asyncio.Queue(QUEUE_LENGTH)
        self.queues.add(queue)
        try:
            start = json.dumps({"at": await self._start()}).encode()
            yield b"retry: 2000\n\nevent: hello\ndata: " + start + b"\n\n"
            while True:
                try:
                    message = await asyncio.wait_for(queue.get(), HEARTBEAT_SECONDS)
                except TimeoutError:
                    yield b": beat\n\n"
                    continue
                if message is None or message.get("revoke") == user_id:
                    return
                if "revoke" not in message and wanted(message):
                    yield b"data: " + json.dumps(message).encode() + b"\n\n"
        finally:
            self.queues.discard(queue)

    async def _start(self) -> int | None:
        """Wait for the subscription (not for a broker that is away), return the topic's position."""
        if self.reader is None or self.reader.done():
            self.listening.clear()
            self.reader = asyncio.get_running_loop().create_task(self._read())
        listening = asyncio.ensure_future(self.listening.wait())
        await asyncio.wait({listening, self.reader}, return_when=asyncio.FIRST_COMPLETED)
        listening.cancel()
        return await asyncio.to_thread(position, self.topic)

    async def _read(self) -> None:
        """Read the topic and hand out; when the connection breaks, end the streams so that clients come again."""
        connection = redis.asyncio.Redis.from_url(settings.REDIS_URL)
        try:
            async with connection.pubsub() as pubsub:
                await pubsub.subscribe(_name(self.topic))
                while self.queues:
                    got = await pubsub.get_message(timeout=5)
                    if got and got["type"] == "subscribe":
                        self.listening.set()
                    elif got and got["type"] == "message":
                        self._hand_out(json.loads(got["data"]))
        except redis.RedisError as error:
            logger.warning("live reader lost its connection: %s", error)
        finally:
            self.listening.clear()
            self._hand_out(None)  # also whoever came while this reader was leaving
            await connection.aclose()

    def _hand_out(self, message: Message | None) -> None:
        for queue in list(self.queues):
            try:
                queue.put_nowait(message)
            except asyncio.QueueFull:
                self.queues.discard(queue)
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(None)


_hubs: dict[tuple[int, str], Hub] = {}


def hub(topic: str) -> Hub:
    """Return this event loop's hub of a topic."""
    return _hubs.setdefault((id(asyncio.get_running_loop()), topic), Hub(topic))
