"""Alive, ready, in figures: what the product says of itself, and to whom (R-421)."""

import pytest
from django.db import connection

from channels_inbox.adapters.email import mail_envelope
from channels_inbox.inbox import process_due, store
from channels_inbox.models import Channel, InboundMessage, OutboundMessage
from tests.mails import mail
from tickets.models import Reaction
from tickets.reactions import react_due

pytestmark = pytest.mark.django_db(transaction=True)


def wait_in(queue: str) -> None:
    """Let one row of a queue wait for somebody."""
    store(Channel.objects.get(key="email-suporte"), [mail_envelope(mail())])
    if queue != "inbound":
        process_due()
    if queue == "outbound":
        react_due()


def test_a_process_that_answers_is_alive_whatever_else_is_away(client, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    host, connection.settings_dict["HOST"] = connection.settings_dict["HOST"], "/nonexistent"
    connection.close()
    try:
        assert (client.get("/healthz").status_code, client.get("/readyz").status_code) == (200, 503)
        assert client.get("/readyz").json() == {"database": False}
    finally:
        connection.close()
        connection.settings_dict["HOST"] = host


def test_ready_while_database_and_broker_answer_and_nothing_waits(client, desk):
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "database": True,
        "broker": True,
        "oldest_seconds": {"inbound": 0, "outbound": 0, "reaction": 0},
        "late": {},
    }


def test_not_ready_without_the_broker(client, desk, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["broker"] is False
    assert answer.json()["database"] is True


@pytest.mark.parametrize("queue", ["inbound", "outbound", "reaction"])
def test_a_stopped_worker_shows_after_a_minute_by_the_name_of_its_queue(client, desk, travel, queue):
    # health page with a stopped worker
    wait_in(queue)
    travel(seconds=50)
    assert client.get("/readyz").status_code == 200
    travel(seconds=15)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert list(answer.json()["late"]) == [queue]
    assert answer.json()["late"][queue] >= 60


def test_a_message_that_may_not_leave_yet_is_not_late(client, desk, travel):
    wait_in("outbound")
    OutboundMessage.objects.update(next_at="2100-01-01T00:00Z")
    travel(hours=1)
    assert "outbound" not in client.get("/readyz").json()["late"]


def test_metrics_count_what_waits_and_what_needs_people(client, desk):
    wait_in("reaction")
    wait_in("inbound")
    InboundMessage.objects.filter(state="done").update(state="dead")
    text = client.get("/metrics").content.decode()
    assert 'presteza_rows{queue="inbound"} 1.0' in text
    assert f'presteza_rows{{queue="reaction"}} {Reaction.objects.count()}.0' in text
    assert 'presteza_rows{queue="dead_inbound"} 1.0' in text
    assert "presteza_broker_up 1.0" in text


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"REMOTE_ADDR": "127.0.0.1"}, 200),
        ({"REMOTE_ADDR": "::1"}, 200),
        ({"REMOTE_ADDR": "203.0.113.9"}, 404),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.9"}, 404),  # behind a proxy
        ({"REMOTE_ADDR": "203.0.113.9", "HTTP_X_FORWARDED_FOR": "127.0.0.1"}, 404),
    ],
)
def test_figures_without_a_token_are_for_this_machine_only(client, desk, facts, code):
    assert client.get("/metrics", **facts).status_code == code


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("Bearer ficha-das-medidas", 200),
        ("Bearer ficha", 404),
        ("ficha-das-medidas", 404),
        ("", 404),
        ("Bearer é", 404),
    ],
)
def test_figures_with_a_token_are_for_its_bearer_only(client, desk, settings, given, code):
    settings.METRICS_TOKEN = "ficha-das-medidas"
    answer = client.get("/metrics", headers={"Authorization": given}, REMOTE_ADDR="203.0.113.9")
    assert answer.status_code == code
    local = client.get("/metrics", REMOTE_ADDR="127.0.0.1")
    assert local.status_code == 404  # a token is asked of everybody
