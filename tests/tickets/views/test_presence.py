"""Who is on a ticket: shown to colleagues while a browser says so, and never a lock (R-092)."""

import time

import pytest
import redis
from django.test import Client

from helpdesk.lib import broker
from tickets import presence
from tickets.presence import Present


@pytest.fixture
def caio(person):
    return person("caio")


def test_viewing_and_writing_are_two_states_and_writers_come_first(ticket, livia, caio, person):
    #
    renata = person("renata")
    presence.note(ticket, livia, "viewing")
    presence.note(ticket, caio, "writing")
    assert presence.others(ticket, renata) == [
        Present(caio.name, caio.first_name, True),
        Present(livia.name, livia.first_name, False),
    ]
    assert [each.name for each in presence.others(ticket, livia)] == [caio.name]


def test_who_left_or_fell_silent_is_gone(ticket, livia, caio, monkeypatch):
    presence.note(ticket, caio, "viewing")
    presence.note(ticket, caio, "gone")
    assert presence.others(ticket, livia) == []
    presence.note(ticket, caio, "viewing")
    later = time.time() + 60
    monkeypatch.setattr(presence.time, "time", lambda: later)
    assert presence.others(ticket, livia) == []


def test_nobody_is_shown_while_the_broker_is_away(ticket, livia, caio, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(redis.RedisError):
        broker.client().ping()
    presence.note(ticket, caio, "writing")
    assert presence.others(ticket, livia) == []


def test_page_says_it_and_a_stranger_learns_nothing(ticket, livia, caio, person):
    # R-092, A07
    outsider = person("davi", department="financeiro")
    answers = []
    for user in (caio, livia, outsider):
        client = Client()
        client.force_login(user)
        answers.append(client.post(f"/chamados/{ticket.pk}/presenca/", {"state": "writing"}))
    assert [answer.status_code for answer in answers] == [200, 200, 404]
    assert caio.first_name in answers[1].content.decode()
    assert "escrevendo" in answers[1].content.decode()
    assert [each.name for each in presence.others(ticket, outsider)] == [caio.name, livia.name]


def test_only_a_change_is_told_to_the_others(ticket, caio, settings):
    listener = broker.client().pubsub()
    listener.subscribe(f"{settings.KEY_PREFIX}:live:tickets")
    listener.get_message(timeout=1)
    for state in ("viewing", "viewing", "writing", "gone", "gone"):
        presence.note(ticket, caio, state)
    heard = []
    while (message := listener.get_message(timeout=0.5)) is not None:
        heard.append(message["data"])
    listener.close()
    assert len(heard) == 3


def test_unknown_state_is_refused(ticket, livia):
    client = Client()
    client.force_login(livia)
    assert client.post(f"/chamados/{ticket.pk}/presenca/", {"state": "sleeping"}).status_code == 422
