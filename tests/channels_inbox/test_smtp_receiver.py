"""The local SMTP port: our addresses only, 250 only after the commit (R-127, A18)."""

import os
import signal
import smtplib
import socket
import subprocess
import sys

import pytest
from django.conf import settings
from django.db import DatabaseError

from channels_inbox import smtp_session
from channels_inbox.inbox import payload_of, process_due
from channels_inbox.mailbox_ids import reply_address
from channels_inbox.mime import fingerprint
from channels_inbox.models import InboundMessage
from channels_inbox.smtp_session import ReceiverController, take, with_envelope
from tests.flows.worker import free_port, until
from tests.mails import mail
from tickets.models import ThreadEntry

pytestmark = pytest.mark.django_db(transaction=True)
SUPPORT = "suporte@presteza.example"


@pytest.fixture
def receiver(desk):
    controller = ReceiverController(host="127.0.0.1", port=free_port())
    controller.start()
    yield controller
    controller.stop()


@pytest.fixture
def smtp(receiver):
    with smtplib.SMTP("127.0.0.1", receiver.port, timeout=10) as client:
        yield client


def test_mail_for_a_mailbox_is_stored_before_the_answer(smtp):
    raw = mail()
    smtp.sendmail("marina@trigal.example", [SUPPORT], raw)
    row = InboundMessage.objects.get()
    stored = payload_of(row)
    assert (
        stored == b"Return-Path: <marina@trigal.example>\r\nDelivered-To: suporte@presteza.example\r\n" + raw
    )
    assert bytes(row.fingerprint) == fingerprint(raw)  # the envelope is no part of it
    assert row.channel.address == SUPPORT
    process_due()
    assert ThreadEntry.objects.filter(kind="customer").count() == 1


def test_repeat_is_stored_once_and_also_answered_250(smtp):
    raw = mail()
    for _ in range(3):
        assert smtp.sendmail("marina@trigal.example", [SUPPORT], raw) == {}
    assert InboundMessage.objects.count() == 1


def test_other_addresses_are_refused_with_a_sentence(smtp):
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        smtp.sendmail("x@trigal.example", ["alguem@outra.example"], mail())
    code, sentence = refused.value.recipients["alguem@outra.example"]
    assert code == 550
    assert b"mailboxes" in sentence
    assert not InboundMessage.objects.exists()


def test_signed_reply_address_and_case_reach_the_mailbox(smtp):
    tagged = reply_address(SUPPORT, 5, 7)
    smtp.sendmail("marina@trigal.example", [tagged, SUPPORT.upper()], mail())
    row = InboundMessage.objects.get()
    assert f"Delivered-To: {tagged}".encode() in payload_of(row)
    assert row.channel.address == SUPPORT


def test_one_mail_to_two_mailboxes_is_two_arrivals(smtp):
    smtp.sendmail("marina@trigal.example", [SUPPORT, "financeiro@presteza.example"], mail())
    assert InboundMessage.objects.count() == 2


def test_null_sender_is_kept_and_known_as_automatic(smtp):
    smtp.sendmail("", [SUPPORT], mail())
    assert payload_of(InboundMessage.objects.get()).startswith(b"Return-Path: <>\r\n")
    process_due()
    assert ThreadEntry.objects.get(kind="customer").automatic


def test_too_large_is_refused_so_that_the_sender_knows(receiver, settings):
    settings.MAX_MAIL_BYTES = 50_000
    controller = ReceiverController(host="127.0.0.1", port=free_port())
    controller.start()
    try:
        with smtplib.SMTP("127.0.0.1", controller.port, timeout=10) as client:
            with pytest.raises(smtplib.SMTPResponseException) as refused:
                client.sendmail("x@trigal.example", [SUPPORT], mail(text="linha\n" * 20_000))
            assert refused.value.smtp_code == 552
    finally:
        controller.stop()
    assert not InboundMessage.objects.exists()


def test_smtputf8_and_eight_bit_bodies(smtp):
    raw = (
        mail(text="x").replace(b"\r\n\r\n", b"\r\nX-Nome: Jos\xc3\xa9\r\n\r\n", 1)
        + b"corpo em latin1: \xe7\xe3o\r\n"
    )
    smtp.sendmail("josé@açaí.example", [SUPPORT], raw, mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    stored = payload_of(InboundMessage.objects.get())
    assert stored.startswith("Return-Path: <josé@açaí.example>\r\n".encode())
    assert stored.endswith(raw)


def test_endless_lines_and_dots_arrive_whole(smtp):
    raw = mail(text="curta") + b"x" * 50_000 + b"\r\n.ponto\r\n..dois\r\n"
    smtp.sendmail("x@trigal.example", [SUPPORT], raw)
    assert payload_of(InboundMessage.objects.get()).endswith(raw)


def test_database_away_asks_to_come_again(smtp, monkeypatch):
    def away(*_args, **_more):
        raise DatabaseError("away")

    monkeypatch.setattr(smtp_session, "store", away)
    with pytest.raises(smtplib.SMTPDataError) as refused:
        smtp.sendmail("x@trigal.example", [SUPPORT], mail())
    assert refused.value.smtp_code == 451
    monkeypatch.undo()
    smtp.sendmail("x@trigal.example", [SUPPORT], mail())  # the fault is healed, the same connection goes on
    assert InboundMessage.objects.count() == 1


def test_lookup_fails_while_the_database_is_away(smtp, monkeypatch):
    def away(_address):
        raise DatabaseError("away")

    monkeypatch.setattr(smtp_session, "find_channel", away)
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        smtp.sendmail("x@trigal.example", [SUPPORT], mail())
    assert refused.value.recipients[SUPPORT][0] == 451


def test_a_cut_before_the_final_dot_stores_nothing(receiver):
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=10) as plain:
        said = plain.makefile("rwb")
        said.readline()
        for line in (b"EHLO x", b"MAIL FROM:<a@b.example>", b"RCPT TO:<suporte@presteza.example>", b"DATA"):
            said.write(line + b"\r\n")
            said.flush()
            while said.readline()[3:4] == b"-":
                pass
        said.write(b"Subject: metade\r\n\r\nmeta")
        said.flush()
    with smtplib.SMTP("127.0.0.1", receiver.port, timeout=10) as client:
        client.sendmail("x@trigal.example", [SUPPORT], mail())
    assert InboundMessage.objects.count() == 1


@pytest.mark.parametrize("sender", ["a@b.example>\r\nX-Evil: 1", "a\x00b@c.example", "a\u2028b@c.example"])
def test_envelope_adds_exactly_its_own_lines(sender):
    raw = with_envelope(
        b"Subject: x\r\n\r\n", sender=sender, recipients=["r@x.example\r\nBcc: y@z.example"]
    )  # A18
    lines = raw.decode().split("\r\n")
    assert [line.split(":")[0] for line in lines[:3]] == ["Return-Path", "Delivered-To", "Subject"]


def test_take_without_recipients_of_ours_stores_nothing(desk):
    assert take(mail(), sender="a@b.example", recipients=["x@y.example"]) == 0


def test_the_command_serves_without_a_database_and_stops_cleanly():
    port = free_port()
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "smtp_receiver", "--port", str(port)]
    away = {"DATABASE_URL": "postgres://nobody@/nothing?host=/nonexistent"}
    with subprocess.Popen(command, env=os.environ | away, stderr=subprocess.DEVNULL) as process:
        until(lambda: accepts(port) or process.poll() is not None)
        with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
            client.ehlo()
            client.mail("x@trigal.example")
            assert client.rcpt(SUPPORT)[0] == 451
        second = subprocess.run(command, env=os.environ | away, capture_output=True, text=True)
        assert second.returncode == 1
        assert str(port) in second.stderr
        assert "Traceback" not in second.stderr
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
