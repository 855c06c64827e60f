"""Decides how large a request may be, before any of it lies on disk (A12)."""

from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Any, Receive, Send], Awaitable[None]]
FORM_ROOM = 1024 * 1024
TEXT = "413: a mensagem ou o arquivo é grande demais. / The message or file is too large.".encode()


class BodyLimit:
    """ASGI wrapper: answers 413 to a body over the limit, whether its length was announced or not.

    Providers may post a whole mail; everybody else at most the files of one message plus the form around them.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self._limit(scope["method"], scope["path"])
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if not announced.isdigit() or int(announced) > limit:
            await _refuse(send)
            return
        try:
            await self.app(scope, _counted(receive, limit), send)
        except BodyTooLarge:
            await _refuse(send)

    def _limit(self, method: str, path: str) -> int:
        if method in {"GET", "HEAD", "OPTIONS"}:
            return FORM_ROOM  # none of our pages reads one, but Django keeps whatever comes
        webhook = path.startswith("/canais/")
        form = max(settings.MAX_ATTACHMENT_BYTES, settings.MAX_FILES_BYTES)
        return (settings.MAX_MAIL_BYTES if webhook else form) + FORM_ROOM


class BodyTooLarge(Exception):
    """More arrived than the limit allows."""


def _counted(receive: Receive, limit: int) -> Receive:
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise BodyTooLarge
        return message

    return counted


async def _refuse(send: Send) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": TEXT})
