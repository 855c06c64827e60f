"""The live stream: ids only, to those who may read them, and closed when the right ends (A16, A21)."""

import gc
import json
import queue
import threading
import time

import httpx
import pytest
from django.db import connection

from helpdesk.lib import broker, sse
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
        self.start = self.lines.get(timeout=PATIENCE)["at"]  # hello: the stream stands, and from where on

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


def test_hears_ids_of_own_departments_and_own_tickets_only(served, livia, session_of):
    support = Department.objects.get(key="suporte").pk
    finance = Department.objects.get(key="financeiro").pk
    listener = Listener(f"{served.url}/live/", session_of(livia))
    publish(ticket=1, department=support, assignee=0)  # the greeting said that the subscription stands
    first = listener.next()
    assert first == {"ticket": 1, "department": support, "assignee": 0, "at": sse.position("tickets")}
    publish(ticket=2, department=finance, assignee=0)
    publish(ticket=3, department=support, assignee=0)
    assert listener.next()["ticket"] == 3


def test_page_made_before_a_hint_learns_from_the_greeting_that_it_missed_it(
    served, livia, desk_of, session_of
):
    support = Department.objects.get(key="suporte").pk
    publish(ticket=1, department=support, assignee=0)
    page = desk_of.get("/").content.decode()
    assert f'data-live-at="{sse.position("tickets")}"' in page
    assert Listener(f"{served.url}/live/", session_of(livia)).start == sse.position("tickets")
    publish(ticket=1, department=support, assignee=0)
    assert f'data-live-at="{Listener(f"{served.url}/live/", session_of(livia)).start}"' not in page


def test_position_is_never_counted_again_after_the_broker_was_emptied(desk):
    publish(ticket=1, department=1, assignee=0)
    before = sse.position("tickets")
    broker.client().flushdb()
    assert sse.position("tickets") == 0
    publish(ticket=1, department=1, assignee=0)
    assert sse.position("tickets") > before


def sessions() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return cursor.fetchone()[0]


def falls_to(number: int) -> bool:
    deadline = time.monotonic() + PATIENCE
    while sessions() > number and time.monotonic() < deadline:
        time.sleep(0.1)
    return sessions() <= number


def test_waiting_stream_holds_no_database_connection(served, livia, session_of):
    support, before = Department.objects.get(key="suporte").pk, sessions()
    listeners = [Listener(f"{served.url}/live/", session_of(livia)) for _ in range(5)]
    for listener in listeners:
        publish(ticket=1, department=support, assignee=0)
        assert listener.next()["ticket"] == 1
    assert falls_to(before)


def test_answered_requests_keep_no_database_connection(served, livia, session_of):
    before, gc_was_on = sessions(), gc.isenabled()
    gc.disable()  # a forgotten connection lives until the collector comes
    try:
        for _number in range(12):
            assert httpx.get(f"{served.url}/", cookies=session_of(livia)).status_code == 200
        assert falls_to(before)
    finally:
        if gc_was_on:
            gc.enable()


def test_revoked_person_is_closed_at_once_and_others_stay(served, livia, person, session_of):
    support = Department.objects.get(key="suporte").pk
    caio = person("caio")
    mine, other = (Listener(f"{served.url}/live/", session_of(user)) for user in (livia, caio))
    for listener in (mine, other):
        publish(ticket=1, department=support, assignee=0)
        assert listener.next()["ticket"] == 1
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
