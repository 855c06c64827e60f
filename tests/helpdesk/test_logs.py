"""Log lines are JSON and carry no link token and no secret, wherever they stand (A13, A25)."""

import json
import logging
import sys

import pytest

from helpdesk.lib.signing import new_token
from helpdesk.logs import JsonFormatter, ScrubFilter, request_id, scrub

TOKEN = new_token()[0]


@pytest.mark.parametrize(
    "line",
    [
        f"GET /t/{TOKEN} 302",
        f"https://ajuda.example/t/{TOKEN}/?x=1",
        f"/conta/convite/{TOKEN}/",
        f"/conta/senha/{TOKEN}/",
        f"password={TOKEN}",
        f"'password': '{TOKEN}'",
        f'{{"token": "{TOKEN}"}}',
        f"Authorization: Bearer {TOKEN}",
        f"authorization: Basic {TOKEN}",
        f"access_token={TOKEN}&x=1",
        f"refresh_token: {TOKEN}",
        f"client_secret={TOKEN}",
        f"SECRET = {TOKEN}",
    ],
)
def test_tokens_and_secrets_are_scrubbed(line):
    # A13, A25
    assert TOKEN not in scrub(line)
    assert "…" in scrub(line)


@pytest.mark.parametrize(
    "line", ["GET /t/17/ 200", "inbound 5 failed", "the password was changed by Lívia", "chamado 26-12"]
)
def test_plain_lines_stay_as_they_are(line):
    assert scrub(line) == line


def written(record: logging.LogRecord) -> dict:
    ScrubFilter().filter(record)
    text = JsonFormatter().format(record)
    assert "\n" not in text  # one line a record, whatever a stranger's text holds
    return json.loads(text)


def record(message: str, *args: object, exc_info=None) -> logging.LogRecord:
    return logging.LogRecord("desk", logging.ERROR, __file__, 1, message, args, exc_info)


def test_a_line_is_one_json_object_with_the_requests_name():
    mark = request_id.set("ABCD-12")
    try:
        line = written(record("Olá\nforjado: %s", f"/t/{TOKEN}"))
    finally:
        request_id.reset(mark)
    assert (line["level"], line["logger"], line["request"]) == ("ERROR", "desk", "ABCD-12")
    assert line["message"].startswith("Olá\nforjado: /t/…")


def test_traces_are_scrubbed_too():
    try:
        raise ValueError(f"password={TOKEN}")
    except ValueError:
        line = written(record("failed", exc_info=sys.exc_info()))
    assert TOKEN not in json.dumps(line)
    assert "ValueError" in line["trace"]


def test_every_handler_scrubs(settings):
    handlers = settings.LOGGING["handlers"]
    assert all(
        handler["filters"] == ["scrub"] and handler["formatter"] == "json" for handler in handlers.values()
    )
