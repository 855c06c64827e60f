"""Decides how open screens are told of changes: one event stream, ids only, rights checked once at its start (A21).

The stream touches no database while it waits. Rights that end close it (`sse.revoke`); the browser comes back and
is judged anew. After an hour it closes by itself, so that an expired session does not hear on.
"""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connections
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_GET

from helpdesk.lib.sse import Message, Wanted, hub
from tickets.live import TOPIC
from tickets.permissions import scope_of

LONGEST_SECONDS = 3600


@require_GET
def live(request: HttpRequest) -> HttpResponseBase:
    """Stream `{"ticket", "department", "assignee"}` of what this person may read."""
    if not _from_our_page(request):
        return HttpResponse(status=403)
    if not request.user.is_authenticated:
        return HttpResponse(status=401)
    response = StreamingHttpResponse(
        _stream(wanted_by(request), request.user.pk), content_type="text/event-stream; charset=utf-8"
    )
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


def wanted_by(request: HttpRequest) -> Wanted:
    """Return the filter of this person's stream: departments of the right `ticket_read`, and own tickets."""
    scope, mine = scope_of(request.user, "ticket_read"), request.user.pk

    def wanted(message: Message) -> bool:
        return (
            scope.everywhere
            or message.get("department") in scope.departments
            or (scope.own and message.get("assignee") == mine)
        )

    return wanted


async def _stream(wanted: Wanted, user_id: int) -> AsyncIterator[bytes]:
    await sync_to_async(connections.close_all)()  # the request's connection must not wait with the stream
    loop = asyncio.get_running_loop()
    end = loop.time() + LONGEST_SECONDS
    messages = hub(TOPIC).stream(wanted, user_id=user_id)
    try:
        async for chunk in messages:
            yield chunk
            if loop.time() > end:
                return
    finally:
        await messages.aclose()  # type: ignore[attr-defined]  # an async generator closes


def _from_our_page(request: HttpRequest) -> bool:
    """Refuse streams asked for by pages of other origins."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("Origin")
    if origin is None:
        return True
    ours = urlsplit(settings.BASE_URL)
    return origin in {f"{ours.scheme}://{ours.netloc}", f"{request.scheme}://{request.get_host()}"}
