"""What becomes of a message when the sending server fails at each step: the table of reliability 1.3, I2 and I3."""

import pytest
from django.db import transaction

from channels_inbox import outbox, transport, watch
from channels_inbox.models import Channel, OutboundMessage
from tests.peers.smtp_server import CUT, HANG, PASSWORD, USER, running_smtp

pytestmark = pytest.mark.django_db
QUEUED, SENT, FAILED, UNCERTAIN = "queued", "sent", "failed", "uncertain"
BODY = b"From: a@b.example\r\nSubject: x\r\n\r\nOl\xc3\xa1\r\n.ponto\r\n"


@pytest.fixture
def smtp():
    with running_smtp() as server:
        yield server


@pytest.fixture
def road(desk, settings, monkeypatch):
    """Let `email-suporte` send by a server; client time-outs are short so that silence is noticed."""
    monkeypatch.setattr(transport, "CONNECT_SECONDS", 1)
    monkeypatch.setattr(transport, "ANSWER_SECONDS", 1)

    def connect(server, key: str = "email-suporte", **options) -> Channel:
        settings.EGRESS_ALLOW = [*settings.EGRESS_ALLOW, f"{server.host}:{server.port}"]
        channel = Channel.objects.get(key=key)
        channel.options = {
            "smtp_host": server.host,
            "smtp_port": server.port,
            "smtp_security": "none",
            **options,
        }
        channel.seal({"password": options.pop("password", "")} if "password" in options else {})
        channel.save()
        return channel

    return connect


def write(
    channel: Channel | None, number: int = 1, *, to: str = "marina@trigal.example", **more
) -> OutboundMessage:
    with transaction.atomic():
        return outbox.enqueue(
            channel=channel,
            purpose=more.pop("purpose", "reply"),
            idem_key=f"t{number}",
            payload=more.pop("payload", BODY),
            message_id=f"t{number}@presteza.example",
            recipient=to,
            **more,
        )


def run(*rows: OutboundMessage) -> None:
    while outbox.deliver_due():
        pass
    for row in rows:
        row.refresh_from_db()


TABLE = [
    # before `handed_at`: may be tried again, whatever went wrong
    ("connect", "421 4.3.2 closing", QUEUED),
    ("connect", CUT, QUEUED),
    ("connect", HANG, QUEUED),
    ("ehlo", CUT, QUEUED),
    ("mail", "450 4.2.0 later", QUEUED),
    ("mail", "421 4.3.2 closing", QUEUED),
    ("mail", CUT, QUEUED),
    ("mail", HANG, QUEUED),
    ("rcpt", "450 4.2.0 greylisted", QUEUED),
    ("rcpt", "452 4.2.2 full", QUEUED),
    ("rcpt", CUT, QUEUED),
    ("rcpt", HANG, QUEUED),
    # a clear refusal by 5xx: failed at once, at any step
    ("mail", "550 5.1.8 sender", FAILED),
    ("rcpt", "550 5.1.1 unknown", FAILED),
    ("data", "554 5.7.1 no", FAILED),
    ("dot", "554 5.7.1 spam", FAILED),
    # a clear 4xx after `handed_at`: may be tried again
    ("data", "451 4.3.0 later", QUEUED),
    ("dot", "451 4.3.0 later", QUEUED),
    ("dot", "421 4.3.2 closing", QUEUED),
    # nothing clear after `handed_at`: uncertain, whether it was kept or not
    ("data", CUT, UNCERTAIN),
    ("data", HANG, UNCERTAIN),
    ("dot", CUT, UNCERTAIN),
    ("dot", HANG, UNCERTAIN),
    ("answer", CUT, UNCERTAIN),
    ("answer", HANG, UNCERTAIN),
]


@pytest.mark.parametrize(
    ("step", "fault", "state"), TABLE, ids=[f"{s}-{f[:4].strip()}" for s, f, _state in TABLE]
)
def test_state_after_a_fault(smtp, road, travel, step, fault, state):
    channel = road(smtp)
    row = write(channel)
    smtp.faults[step] = fault
    run(row)
    assert row.state == state
    assert (row.handed_at is not None) == (state == UNCERTAIN)
    assert row.lease_token is None
    assert row.last_error
    kept = len(smtp.taken)
    # the fault is healed: what waits leaves by itself, what is uncertain or failed waits for people (I2, I3)
    smtp.faults.clear()
    travel(hours=5)
    run(row)
    assert row.state == (SENT if state == QUEUED else state)
    assert len(smtp.taken) == kept + (state == QUEUED)
    assert len(smtp.taken) <= 1


def test_bytes_on_the_wire_are_the_frozen_ones(smtp, road):
    row = write(road(smtp))
    run(row)
    taken = smtp.taken[0]
    assert row.state == SENT
    assert taken.raw == BODY
    assert taken.sender == "suporte@presteza.example"
    assert taken.recipients == ["marina@trigal.example"]
    assert row.provider_id == "4Xy1BC0qZz"
    assert row.sent_at is not None


def test_automatic_mail_has_the_null_sender(smtp, road):
    write(road(smtp), purpose="auto")
    run()
    assert smtp.taken[0].sender == ""  # nobody answers it


def test_a_repeat_by_hand_is_byte_equal(smtp, road, travel):
    channel = road(smtp)
    row = write(channel)
    smtp.faults["answer"] = CUT
    run(row)
    smtp.faults.clear()
    assert outbox.resolve_uncertain(row, arrived=False)
    run(row)
    assert row.state == SENT
    assert [taken.raw for taken in smtp.taken] == [BODY, BODY]  # a person decided so; same Message-ID (I3)


def test_connection_refused_and_unknown_host_wait(road, smtp, travel):
    channel = road(smtp, smtp_host="nao-existe.invalid")
    row = write(channel)
    run(row)
    assert row.state == QUEUED
    channel.refresh_from_db()
    assert channel.sending_paused_until is not None


@pytest.mark.parametrize("certificate", [{"signed": False}, {"days": -1}, {"host": "outro.example"}])
@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_certificate_that_does_not_convince_gets_no_mail(authority, road, settings, security, certificate):
    context = authority.server_context(name="smtp-bad", **certificate)
    settings.EXTRA_CA_FILE = authority.cafile
    with running_smtp(**{security: context}, auth=True) as server:  # A25
        row = write(road(server, smtp_security=security, user=USER, password=PASSWORD))
        run(row)
        assert row.state == QUEUED
        assert server.taken == []
        assert "mail" not in server.seen


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_sending_with_tls_and_password(authority, road, settings, security):
    settings.EXTRA_CA_FILE = authority.cafile
    with running_smtp(**{security: authority.server_context(name="smtp")}, auth=True) as server:
        row = write(road(server, smtp_security=security, user=USER, password=PASSWORD))
        run(row)
        assert row.state == SENT, row.last_error


def test_server_without_starttls_gets_no_password(smtp, road):
    row = write(road(smtp, smtp_security="starttls", user=USER, password=PASSWORD))
    run(row)
    assert row.state == QUEUED
    assert smtp.taken == []


def test_refused_password_rests_the_channel_and_keeps_the_message(
    authority, road, settings, travel, person, mailoutbox
):
    person("ana", "admin", None)
    settings.EXTRA_CA_FILE = authority.cafile
    with running_smtp(tls=authority.server_context(name="smtp"), auth=True) as server:
        channel = road(server, smtp_security="tls", user=USER, password="senha-errada")
        row = write(channel)
        run(row)
        assert row.state == QUEUED
        assert "535" in row.last_error
        assert "senha-errada" not in row.last_error
        assert [each.alarm_reason for each in watch.troubled_channels()] == ["sending"]  # people are told
        watch.check_channels()
        assert watch.troubled_channels()
        assert [letter.to for letter in mailoutbox] == [["ana@equipe.example"]]
        assert "recusa as credenciais" in mailoutbox[0].subject
        travel(hours=30)  # older than the 24 h after which other messages fail
        run(row)
        assert row.state == QUEUED
        channel.seal({"password": PASSWORD})
        channel.save()
        outbox.bring_forward(channel)
        run(row)
        assert row.state == SENT
        watch.check_channels()
        assert watch.troubled_channels() == []


def test_messages_older_than_a_day_fail_in_sight(smtp, road, travel):
    row = write(road(smtp))
    smtp.faults["rcpt"] = "450 4.2.0 later"
    run(row)
    travel(hours=25)
    run(row)
    assert row.state == FAILED


def test_order_of_one_conversation_holds_under_a_retry(smtp, road, travel):
    channel = road(smtp)
    first, second = write(channel, 1), write(channel, 2)
    other = write(channel, 3, to="contador@exato.example")
    smtp.faults["rcpt"] = "450 4.2.0 later"
    outbox.deliver_due(limit=1)
    smtp.faults.clear()
    run(first, second, other)
    # only its own conversation is held back
    assert (first.state, second.state, other.state) == (QUEUED, QUEUED, SENT)
    travel(minutes=2)
    run(first, second)
    assert (first.state, second.state) == (SENT, SENT)
    sent = [taken.recipients[0] for taken in smtp.taken]
    assert sent == ["contador@exato.example", "marina@trigal.example", "marina@trigal.example"]
    assert first.position < second.position


@pytest.mark.parametrize("state", [FAILED, UNCERTAIN, "cancelled"])
def test_a_settled_message_holds_nothing_back(smtp, road, state):
    channel = road(smtp)
    first, second = write(channel, 1), write(channel, 2)
    OutboundMessage.objects.filter(pk=first.pk).update(state=state)
    run(second)
    assert second.state == SENT


def test_a_dead_channel_rests_and_the_others_go_on(smtp, road, travel):
    dead = road(smtp, "email-suporte", smtp_port=1)
    alive = road(smtp, "email-financeiro")
    waiting = [write(dead, number, to=f"c{number}@trigal.example") for number in range(4)]
    good = write(alive, 9)
    run(good, *waiting)
    assert good.state == SENT
    assert {row.state for row in waiting} == {QUEUED}
    assert sum(row.attempts for row in waiting) == 1  # one tried, the rest of the batch was put back untried
    dead.refresh_from_db()
    assert dead.sending_paused_until is not None


def test_healed_channel_brings_its_messages_forward(smtp, road, travel):
    channel = road(smtp)
    rows = [write(channel, number, to=f"c{number}@trigal.example") for number in range(3)]
    smtp.faults["connect"] = "421 4.3.2 closing"
    for _ in range(6):  # the waits grow to a quarter of an hour
        run()
        travel(minutes=20)
    run(*rows)
    smtp.faults.clear()
    assert {row.state for row in rows} == {QUEUED}
    travel(seconds=outbox.CHANNEL_REST + 1)
    outbox.try_rested()  # the sweep
    run(*rows)
    assert {row.state for row in rows} == {SENT}  # I6: within one rest and one sweep, not after the long wait
    channel.refresh_from_db()
    assert channel.sending_paused_until is None


def test_account_mail_without_channel_waits_shortly(smtp, desk, settings, travel, monkeypatch):
    monkeypatch.setattr(transport, "CONNECT_SECONDS", 1)
    settings.SMTP_HOST, settings.SMTP_PORT, settings.SMTP_SECURITY = smtp.host, smtp.port, "none"
    settings.EGRESS_ALLOW = [f"{smtp.host}:{smtp.port}"]
    row = write(None, purpose="notify")
    smtp.faults["connect"] = CUT
    for _ in range(8):
        run(row)
        travel(seconds=2 * outbox.CHANNEL_REST)
    smtp.faults.clear()
    run(row)
    assert row.state == SENT  # a password link sits out no long wait


def test_addresses_with_accents_need_a_server_that_takes_them(smtp, road):
    row = write(road(smtp), to="josé@açaí.example")
    run(row)
    assert row.state == SENT  # RFC 6531
    assert smtp.taken[0].recipients == ["josé@açaí.example"]


def test_addresses_with_accents_fail_where_the_server_is_old(smtp, road, monkeypatch):
    from tests.peers import smtp_server

    monkeypatch.setattr(smtp_server._Smtp, "smtp_EHLO", smtp_server._Smtp.smtp_HELO)
    row = write(road(smtp), to="josé@açaí.example")
    run(row)
    assert row.state == FAILED


def test_expired_lease_goes_back_or_stands_as_uncertain(smtp, road, travel):
    channel = road(smtp)
    before, after = write(channel, 1), write(channel, 2, to="outra@trigal.example")
    claimed = {row.pk: row for row in outbox.sendable().claim(5, related=["channel"])}
    outbox.mark_handed(claimed[after.pk])
    assert outbox.release_expired() == 0
    travel(minutes=3)
    assert outbox.release_expired() == 2
    before.refresh_from_db()
    after.refresh_from_db()
    assert (before.state, after.state) == (QUEUED, UNCERTAIN)
    # the worker comes back from the dead: it can neither hand over nor settle what is no longer its own
    outbox.deliver(claimed[before.pk])
    assert smtp.taken == []
    before.refresh_from_db()
    assert before.state == QUEUED


def test_mark_handed_leaves_a_whole_lease_for_the_answer(smtp, road, travel, settings):
    settings.LEASE_SECONDS = 60
    row = write(road(smtp))
    claimed = outbox.sendable().claim(1, related=["channel"])[0]
    travel(seconds=50)
    outbox.mark_handed(claimed)
    travel(seconds=50)
    assert outbox.release_expired() == 0
    row.refresh_from_db()
    assert row.state == "sending"
