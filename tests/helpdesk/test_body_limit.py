"""A request over the limit is refused before Django keeps any of it (A12)."""

import asyncio

import pytest
from django.conf import settings

from helpdesk.body_limit import FORM_ROOM, BodyLimit

FORM_LIMIT = settings.MAX_ATTACHMENT_BYTES + FORM_ROOM


def answer(
    path: str, sizes: list[int], *, announced: int | None = None, method: str = "POST"
) -> tuple[int, int]:
    """Post chunks of these sizes; return the status and how many bytes the product behind got to see."""
    seen = 0
    status = 0
    chunks = iter(sizes)

    async def product(scope, receive, send) -> None:
        nonlocal seen
        while True:
            message = await receive()
            seen += len(message["body"])
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> dict:
        size = next(chunks, None)
        return {"type": "http.request", "body": b"x" * (size or 0), "more_body": size is not None}

    async def send(message: dict) -> None:
        nonlocal status
        status = message.get("status", status)

    headers = [] if announced is None else [(b"content-length", str(announced).encode())]
    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    asyncio.run(BodyLimit(product)(scope, receive, send))
    return status, seen


@pytest.mark.parametrize(
    ("path", "announced", "status"),
    [
        ("/ajuda/", FORM_LIMIT, 200),
        ("/ajuda/", FORM_LIMIT + 1, 413),
        ("/canais/webhook/caixa", settings.MAX_MAIL_BYTES, 200),
        ("/canais/webhook/caixa", settings.MAX_MAIL_BYTES + FORM_ROOM + 1, 413),
    ],
)
def test_an_announced_length_decides_at_once(path, announced, status):
    assert answer(path, [10], announced=announced) == (status, 10 if status == 200 else 0)


def test_a_body_that_hides_its_length_is_stopped_at_the_limit():
    status, seen = answer("/ajuda/", [1024 * 1024] * 40)
    assert status == 413
    assert seen <= FORM_LIMIT


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_reading_method_carries_no_large_body_either(method):  # A12, A22
    status, seen = answer("/ajuda/", [1024 * 1024] * 40, method=method)
    assert status == 413
    assert seen <= FORM_ROOM
