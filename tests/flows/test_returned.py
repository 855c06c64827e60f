"""Mail that came back (R-133): a genuine bounce marks the address, a forged one nothing."""

import pytest

from channels_inbox.models import OutboundMessage
from helpdesk.people.models import ContactAddress
from tests.flows.answered import forged_signature
from tickets.models import ThreadEntry

pytestmark = pytest.mark.django_db


def bounce(message_id: str, recipient: str, *, status: str = "5.1.1") -> bytes:
    boundary = "b1"
    return (
        f"Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example\r\nTo: suporte@presteza.example\r\n"
        f"Subject: Undelivered Mail Returned to Sender\r\nMessage-ID: <b-{message_id}>\r\nMIME-Version: 1.0\r\n"
        f'Content-Type: multipart/report; report-type=delivery-status; boundary="{boundary}"\r\n\r\n'
        f"--{boundary}\r\nContent-Type: text/plain\r\n\r\nThe mail could not be delivered.\r\n"
        f"--{boundary}\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n"
        f"Final-Recipient: rfc822; {recipient}\r\nAction: failed\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: smtp; 550 {status} no such user\r\n"
        f"--{boundary}\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <{message_id}>\r\nSubject: x\r\n"
        f"--{boundary}--\r\n"
    ).encode()


def marked() -> set[str]:
    return set(ContactAddress.objects.filter(bounced_at__isnull=False).values_list("value", flat=True))


def test_a_genuine_bounce_goes_to_its_ticket_and_marks_the_address(case, arrive):
    entry = arrive(bounce(case.reply_id, "marina@trigal.example"))
    assert entry.ticket_id == case.ticket.pk
    assert entry.kind == "bounce"
    assert entry.pk not in ThreadEntry.objects.for_customer().values_list("pk", flat=True)
    assert marked() == {"marina@trigal.example"}
    sent = OutboundMessage.objects.get(message_id=case.reply_id)
    assert sent.receipt == "bounced"
    assert OutboundMessage.objects.count() == case.sent  # nobody answers a bounce


@pytest.mark.parametrize(
    "forgery", ["unknown id", "forged signature", "other recipient", "customer's own id"]
)
def test_a_forged_bounce_marks_nothing(case, arrive, forgery):
    message_id, recipient = {
        "unknown id": ("x@presteza.example", "marina@trigal.example"),
        "forged signature": (forged_signature(case.reply_id), "marina@trigal.example"),
        "other recipient": (case.reply_id, "contador@exato.example"),
        "customer's own id": ("raiz@trigal.example", "marina@trigal.example"),
    }[forgery]
    before = case.ticket.status
    arrive(bounce(message_id, recipient))
    assert marked() == set()
    assert not OutboundMessage.objects.filter(receipt="bounced").exists()
    case.ticket.refresh_from_db()
    assert case.ticket.status == before
    assert OutboundMessage.objects.count() == case.sent


def test_a_delay_is_no_failure(case, arrive):
    raw = bounce(case.reply_id, "marina@trigal.example", status="4.4.1").replace(
        b"Action: failed", b"Action: delayed"
    )
    arrive(raw.replace(b"Undelivered Mail Returned to Sender", b"Warning: message delayed"))
    assert marked() == set()
