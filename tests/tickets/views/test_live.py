"""The live stream: ids only, to those who may read them, and closed when the right ends (A16, A21)."""

import json
import queue
import threading
import time

import httpx
import pytest
from django.db import connection

from helpdesk.lib import sse
from tickets.models import Department

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 10


class Listener:
    """Reads a stream in a thread; `next()` is the next message, None when the stream has ended."""

    def __init__(self, url: str, cookies: dict[str, str], **headers: str) -> None:
        self.lines: queue.Queue = queue.Queue()
        self.client = httpx.Client(cookies=cookies, timeout=PATIENCE)
        self.request = self.client.build_request("GET", url, headers=headers)
        threading.Thread(target=self._read, daemon=True).start()
        assert self.lines.get(timeout=PATIENCE) == {}  # hello: the stream stands

    def _read(self) -> None:
        try:
            response = self.client.send(self.request, stream=True)
            for line in response.iter_lines():
                if line.startswith("data: "):
                    self.lines.put(json.loads(line[6:]))
        except httpx.HTTPError:
            pass
        self.lines.put(None)

    def next(self):
        return self.lines.get(timeout=PATIENCE)


def publish(**message):
    sse.publish("tickets", message)


def until_heard(listener, **message):
    """The subscription may be younger than the greeting: repeat the mark until it is heard."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        publish(**message)
        try:
            return listener.lines.get(timeout=0.2)
        except queue.Empty:
            continue
    raise AssertionError("the stream heard nothing")


def test_hears_ids_of_own_departments_and_own_tickets_only(served, livia, session_of):
    support = Department.objects.get(key="suporte").pk
    finance = Department.objects.get(key="financeiro").pk
    listener = Listener(f"{served.url}/live/", session_of(livia))
    assert until_heard(listener, ticket=1, department=support, assignee=0) == {
        "ticket": 1,
        "department": support,
        "assignee": 0,
    }
    publish(ticket=2, department=finance, assignee=0)
    publish(ticket=3, department=support, assignee=0)
    heard = listener.next()
    while heard["ticket"] == 1:
        heard = listener.next()
    assert heard["ticket"] == 3


def test_waiting_stream_holds_no_database_connection(served, livia, session_of):
    def connections() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
            return cursor.fetchone()[0]

    support, before = Department.objects.get(key="suporte").pk, connections()
    listeners = [Listener(f"{served.url}/live/", session_of(livia)) for _ in range(5)]
    for listener in listeners:
        until_heard(listener, ticket=1, department=support, assignee=0)
    deadline = time.monotonic() + PATIENCE
    while connections() > before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert connections() <= before


def test_revoked_person_is_closed_at_once_and_others_stay(served, livia, person, session_of):
    support = Department.objects.get(key="suporte").pk
    caio = person("caio")
    mine, other = (Listener(f"{served.url}/live/", session_of(user)) for user in (livia, caio))
    for listener in (mine, other):
        until_heard(listener, ticket=1, department=support, assignee=0)
    sse.revoke(livia.pk)
    heard = mine.next()
    while heard is not None:
        heard = mine.next()
    publish(ticket=9, department=support, assignee=0)
    heard = other.next()
    while heard is not None and heard["ticket"] != 9:
        heard = other.next()
    assert heard["ticket"] == 9


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_foreign_pages_are_refused(desk_of, headers):
    assert desk_of.get("/live/", headers=headers).status_code == 403


def test_nobody_without_session_listens(client, desk):
    assert client.get("/live/").status_code == 401
