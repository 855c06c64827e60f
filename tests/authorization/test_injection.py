"""Fifty payloads on every query parameter: never an error, never a row more, never a statement more (A20)."""

import os
import re
from pathlib import Path
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.authorization.routes import Route, all_routes
from tests.authorization.table import address, ask, expected
from tests.authorization.world import World

pytestmark = pytest.mark.django_db
TABLE = expected()
ROUTES = [route for route in all_routes() if route.name in TABLE]
PAYLOADS = [
    "' OR '1'='1", "1 OR 1=1", "\x00", "%' OR 1=1 --", "-1 UNION SELECT password FROM people_user",
    "1; DROP TABLE tickets_ticket; --", "' || pg_sleep(9) || '", "1) OR (1=1", "\" OR \"\"=\"", "') OR ('1'='1",
    "1' AND 1=CAST((SELECT version()) AS int) --", "admin'--", "' UNION SELECT NULL,NULL,NULL --", "1 AND SLEEP(9)",
    "'; SELECT pg_sleep(9); --", "0x31", "1e309", "-1", "99999999999999999999999999", "9223372036854775808",
    "NaN", "null", "None", "True", "[]", "{}", "{\"$gt\": \"\"}", "a'a", "a\"a", "a\\", "%", "_", "%%", "%s", "%(x)s",
    "{{7*7}}", "${7*7}", "{% debug %}", "<script>alert(1)</script>", "../../etc/passwd", "..%2f..%2fetc",
    "\ud83d\ude00", "\u202e", "\u0661\u0662", "\n\r\t", "a" * 5000, "id__gt", "password__startswith", "-password",
    "assignee__password",
]  # fmt: skip
assert len(PAYLOADS) == 50
LISTS = ("view", "department", "status")
READS = {
    "tickets:queue": LISTS,
    "tickets:ticket_list": (*LISTS, "current"),
    "tickets:ticket_rows": (*LISTS, "cursor"),
    "tickets:ticket_row": (*LISTS, "current"),
    "tickets:rail": (*LISTS, "off"),
    "tickets:ticket": LISTS,
    "tickets:thread": ("since",),
    "tickets:thread_earlier": ("before",),
    "tickets:new": ("name", "email"),
    "tickets:contacts": ("name", "email"),
    "tickets:mailbox": ("antes",),
    "tickets:attachment": ("ver",),
    "tickets:draft_file": ("ver",),
    "portal:ticket": ("antes", "enviado", "cancelados"),
    "portal:attachment": ("ver",),
    "portal:received": ("r",),
    "portal:renew": ("pedido",),
    "account_login": ("next",),
    "channels_inbox:consent_return": ("state", "code"),
}
CHANGELIST = (
    "q",
    "p",
    "o",
    "e",
    "all",
    "state",
    "kind",
    "actor",
    "days",
    "language",
    "_to_field",
    "_popup",
    "_facets",
)
EVERY = sorted({name for names in READS.values() for name in names} | set(CHANGELIST))
FULL = os.environ.get("HD_FULL") == "1"
WANTED = PAYLOADS if FULL else PAYLOADS[::10]
WHO = {"admin": "admin", "portal": "customer_a", "channels_inbox": "admin"}
FOREIGN = "Assunto de financeiro"


def parameters(route: Route) -> tuple[str, ...]:
    """Return what the page reads from the query."""
    return CHANGELIST if route.name.endswith("_changelist") else READS.get(route.name, ())


def rows(text: str) -> int:
    """Count what a page lists: rows of a table, or tickets of a queue."""
    return text.count("<tr") + text.count("trow")


def get(world: World, role: str, path: str, name: str = "", value: str = "") -> tuple[int, int, str]:
    query = f"?{name}={quote(value.encode('utf-8', 'surrogatepass'))}" if name else ""
    with CaptureQueriesContext(connection) as seen:
        answer = ask(world.clients[role], "GET", path + query)
    text = "" if answer.streaming else answer.content.decode("utf-8", "replace")
    return answer.status_code, len(seen), text


@pytest.mark.parametrize("route", [each for each in ROUTES if parameters(each)], ids=lambda each: each.name)
def test_payloads_in_the_query_change_nothing(world: World, route: Route):
    path = address(route, TABLE[route.name], world.a)
    role = WHO.get(route.name.partition(":")[0], "agent1")
    usual = rows(get(world, role, path)[2])
    for name in parameters(route):
        _status, harmless, _text = get(world, role, path, name, "zzz")
        for payload in WANTED:
            status, statements, text = get(world, role, path, name, payload)
            where = (route.name, name, payload[:40])
            assert status < 500, where
            assert statements <= harmless + 2, where  # a number may look one row up; nothing multiplies
            assert role == "admin" or FOREIGN not in text, where
            assert status != 200 or rows(text) <= usual, where


def test_every_parameter_read_by_a_page_is_tried():
    """A page that reads a new parameter must be tried too."""
    root = Path(__file__).resolve().parents[2]
    read = set()
    for folder in ("tickets", "helpdesk", "channels_inbox"):
        for file in (root / folder).rglob("*.py"):
            text = file.read_text(encoding="utf-8")
            read |= set(re.findall(r'GET(?:\.get(?:list)?\(|\[)"([^"]+)"', text))
            read |= set(re.findall(r'_number\(request, "([^"]+)"', text))
    assert read - set(EVERY) == set()
