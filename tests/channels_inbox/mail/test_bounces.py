"""Failed deliveries in their many shapes; delays, receipts and people are none (R-133, RFC 3464)."""

import pytest

from channels_inbox.mime import parse_email
from tests.channels_inbox.mail.samples import NAMES, sample

BOUNCES = [name for name in NAMES if name.startswith("bounce_")]
STATUS = {
    "bounce_postfix": "5.1.1",
    "bounce_exchange_online": "5.1.10",
    "bounce_gmail": "5.1.1",
    "bounce_without_report_type": "5.2.2",
    "bounce_two_recipients_one_failed": "5.7.1",
    "bounce_forwarded_recipient": "5.2.1",
    "bounce_qmail": "5.1.1",
    "bounce_exim": "5.1.1",
    "bounce_portuguese_provider": "5.2.2",
    "bounce_office365_html_only": "5.1.10",
    "bounce_status_only": "5.4.4",
}


@pytest.mark.parametrize("name", BOUNCES)
def test_bounce_names_recipient_status_and_our_mail(name: str) -> None:
    mail = sample(name)
    assert (mail.is_bounce, mail.is_auto_reply, mail.auto_reason) == (True, True, "bounce")
    assert mail.bounce is not None
    assert (mail.bounce.recipient, mail.bounce.action) == ("bruno@cliente.example", "failed")
    assert mail.bounce.status == STATUS[name]
    assert mail.bounce.original_message_id == "<t.7.orig@loja.example>"


def test_diagnostic_is_what_the_far_server_said() -> None:
    said = {name: bounce.diagnostic for name in BOUNCES if (bounce := sample(name).bounce)}
    assert said["bounce_postfix"] == (
        "550 5.1.1 <bruno@cliente.example>: Recipient address rejected: User unknown in virtual mailbox table"
    )
    assert said["bounce_exim"] == "550 5.1.1 unknown user"
    assert said["bounce_portuguese_provider"] == "Motivo: 552 5.2.2 caixa postal cheia"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("delay_postfix", "delay"),
        ("delay_portuguese_text", "delay"),
        ("delivered_notice", "receipt"),
        ("read_receipt", "receipt"),
    ],
)
def test_delay_and_receipt_are_no_failures(name: str, reason: str) -> None:
    mail = sample(name)
    assert (mail.is_bounce, mail.bounce, mail.auto_reason) == (False, None, reason)
    assert (mail.is_delay, mail.is_receipt) == (reason == "delay", reason == "receipt")


def test_abuse_report_is_a_complaint_about_our_mail() -> None:
    mail = sample("abuse_report")
    assert (mail.is_complaint, mail.is_bounce, mail.is_auto_reply) == (True, False, True)
    assert mail.bounce
    assert mail.bounce.original_message_id == "<t.7.orig@loja.example>"


REPORT_PARTS = b"""MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=B

--B

Vejam o que voltou para mim.
--B
Content-Type: message/delivery-status

Final-Recipient: rfc822; bruno@cliente.example
Action: failed
Status: 5.1.1
--B--
"""


def test_person_who_forwards_a_report_is_a_person() -> None:
    mail = parse_email(
        b"From: ana@correio.example\nSubject: Enc: devolvido\nReturn-Path: <ana@correio.example>\n"
        + REPORT_PARTS
    )
    assert (mail.is_bounce, mail.is_auto_reply) == (False, False)
    assert [one.name for one in mail.attachments] == ["delivery-status.txt"]


def test_vacation_program_answering_a_mail_about_failed_delivery_is_no_bounce() -> None:
    mail = parse_email(
        "From: ana@correio.example\nReturn-Path: <>\nAuto-Submitted: auto-replied\n"
        "Subject: Resposta automática: falha na entrega do boleto\n\nEscreva a rui@mail.example.\n".encode()
    )
    assert (mail.is_bounce, mail.auto_reason) == (False, "auto_replied")


def test_postmaster_may_be_a_person() -> None:
    mail = parse_email(
        b"From: postmaster@cliente.example\nSubject: falha na entrega do boleto\n\nPodem ver?\n"
    )
    assert (mail.is_bounce, mail.is_auto_reply) == (False, False)


def test_words_of_the_returned_mail_are_no_evidence() -> None:
    """The customer's complaint about a delay comes back inside the report of a failure."""
    mail = parse_email(
        b"From: MAILER-DAEMON@mx.example\nReturn-Path: <>\nSubject: failure notice\n\n"
        b"<bruno@cliente.example>: user unknown\n\n--- Below this line is a copy of the message.\n\n"
        b"Message-ID: <t.9@loja.example>\n\nA entrega atrasada: ainda n\xc3\xa3o foi entregue.\n"
    )
    assert mail.bounce
    assert mail.bounce.original_message_id == "<t.9@loja.example>"


def test_own_addresses_are_not_the_failed_recipient() -> None:
    mail = parse_email(
        b"From: MAILER-DAEMON@mx.example\nTo: suporte@loja.example\nSubject: failure notice\n\n"
        b"Message from suporte@loja.example to bruno@cliente.example: unable to deliver, 550 user unknown\n"
    )
    assert mail.bounce
    assert mail.bounce.recipient == "bruno@cliente.example"
