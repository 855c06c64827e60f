"""Providers that call us: proved first, stored, then 200; a repeat changes nothing (R-147, R-133, A24)."""

import base64
import hashlib
import hmac
import json
import time

import pytest
from django.urls import Resolver404, resolve

from channels_inbox import outbox
from channels_inbox.inbox import payload_of
from channels_inbox.models import Channel, InboundMessage, OutboundMessage, ProviderSecret
from channels_inbox.provider_secrets import keep_secret
from helpdesk.people.models import ContactAddress
from tests.channels_inbox.signing import signed
from tests.mails import mail
from tickets.models import ThreadEntry

pytestmark = pytest.mark.django_db
SECRET, MAILGUN_KEY = "porta:frase-secreta", "mailgun-key-123"
POSTMARK, POSTMARK_NEWS = "/canais/anymail/postmark/inbound/", "/canais/anymail/postmark/tracking/"
MAILGUN, MAILGUN_NEWS = "/canais/anymail/mailgun/inbound/", "/canais/anymail/mailgun/tracking/"


@pytest.fixture(autouse=True)
def secrets(settings, desk):
    settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET, "MAILGUN_WEBHOOK_SIGNING_KEY": MAILGUN_KEY}


@pytest.fixture
def knock(client):
    """POST as a provider does."""

    def post(path: str, body, *, secret: str | None = SECRET):
        headers = {"Authorization": "Basic " + base64.b64encode(secret.encode()).decode()} if secret else {}
        if isinstance(body, dict) and path == MAILGUN:
            return client.post(path, body, headers=headers)
        data = body if isinstance(body, (str, bytes)) else json.dumps(body)
        return client.post(path, data, content_type="application/json", headers=headers)

    return post


def postmark(raw: bytes | None = None, **facts) -> dict:
    body = {
        "FromFull": {"Email": "marina@trigal.example", "Name": "Marina Prado"},
        "ToFull": [{"Email": "financeiro@presteza.example", "Name": ""}],
        "OriginalRecipient": "financeiro@presteza.example",
        "Subject": "Boleto",
        "TextBody": "Segunda via, por favor.",
        "HtmlBody": "<p>Segunda via, por favor.</p>",
        "MessageID": "22c74902-a0c1-4511-804f-341342852c90",
        "Date": "Tue, 24 Nov 2026 12:00:00 -0300",
        "Headers": [
            {"Name": "Return-Path", "Value": "<marina@trigal.example>"},
            {"Name": "Message-ID", "Value": "<pm1@trigal.example>"},
        ],
        "Attachments": [
            {"Name": "a.txt", "Content": base64.b64encode(b"anexo").decode(), "ContentType": "text/plain"}
        ],
        **facts,
    }
    return body | ({"RawEmail": raw.decode()} if raw is not None else {})


def mailgun(**facts) -> dict:
    stamp, token = str(int(time.time())), "a" * 50
    headers = [
        ["From", "Marina Prado <marina@trigal.example>"], ["To", "suporte@presteza.example"],
        ["Subject", "Impressora"], ["Message-Id", "<mg1@trigal.example>"],
    ]  # fmt: skip
    return {
        "sender": "marina@trigal.example",
        "recipient": "suporte@presteza.example",
        "body-plain": "Não imprime.",
        "body-html": "<p>Não imprime.</p>",
        "message-headers": json.dumps(headers),
        "timestamp": stamp,
        "token": token,
        "signature": signature(stamp, token),
        **facts,
    }


def signature(stamp: str, token: str) -> str:
    return hmac.new(MAILGUN_KEY.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()


def test_genuine_mail_is_stored_and_answered_with_the_workers_stopped(knock):
    answer = knock(POSTMARK, postmark(mail(to="financeiro@presteza.example", subject="Boleto")))
    assert answer.status_code == 200
    row = InboundMessage.objects.get()
    assert row.state == "new"
    assert row.channel.key == "email-financeiro"
    assert payload_of(row).startswith(b"Return-Path: <marina@trigal.example>\r\nDelivered-To: financeiro@")


@pytest.mark.parametrize("body", ["raw", "parts", "mailgun"])
def test_a_repeat_has_no_effect(knock, body):
    raw = mail(subject="x") if body == "raw" else None
    for number in range(3):  # providers repeat, and shuffle
        stamp, token = str(int(time.time()) + number), f"{number}" * 50  # each call is signed anew
        again = {"timestamp": stamp, "token": token, "signature": signature(stamp, token)}
        answer = knock(MAILGUN, mailgun(**again)) if body == "mailgun" else knock(POSTMARK, postmark(raw))
        assert answer.status_code == 200
    assert InboundMessage.objects.count() == 1


def test_mail_put_together_from_parts_becomes_an_entry(knock, arrive):
    knock(POSTMARK, postmark())
    knock(MAILGUN, mailgun())
    arrive()
    words = dict(ThreadEntry.objects.filter(kind="customer").values_list("subject", "text"))
    assert words["Boleto"] == "Segunda via, por favor."
    assert words["Impressora"] == "Não imprime."
    entry = ThreadEntry.objects.get(subject="Boleto")
    assert [each.file.name for each in entry.attachments.all()] == ["a.txt"]


@pytest.mark.parametrize("secret", [None, "porta:errada", "porta", ":", "Porta:frase-secreta"])
@pytest.mark.parametrize("path", [POSTMARK, POSTMARK_NEWS, MAILGUN, MAILGUN_NEWS])
def test_nobody_without_the_secret_is_let_in(knock, path, secret):
    assert knock(path, mailgun() if path == MAILGUN else postmark(), secret=secret).status_code == 401
    assert not InboundMessage.objects.exists()


@pytest.mark.parametrize("given", ["", ":", SECRET])
def test_without_a_secret_set_the_door_is_shut(knock, settings, given):
    settings.ANYMAIL = {"WEBHOOK_SECRET": "", "MAILGUN_WEBHOOK_SIGNING_KEY": MAILGUN_KEY}
    assert knock(POSTMARK, postmark(), secret=given or None).status_code == 401
    settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET, "MAILGUN_WEBHOOK_SIGNING_KEY": ""}
    assert knock(MAILGUN, mailgun(signature=hmac.new(b"", b"", "sha256").hexdigest())).status_code == 401
    assert not InboundMessage.objects.exists()


def test_two_secrets_are_valid_during_a_rotation(knock, settings):
    settings.ANYMAIL = {"WEBHOOK_SECRET": ["porta:nova", SECRET]}
    assert knock(POSTMARK, postmark()).status_code == 200
    assert knock(POSTMARK, postmark(), secret="porta:nova").status_code == 200


def test_secrets_of_the_screen_hold_beside_that_of_the_environment_two_at_a_time(knock):
    #
    for secret in ("porta:primeira", "porta:segunda", "porta:terceira"):
        keep_secret(ProviderSecret(kind="address"), secret)
    answers = {
        secret: knock(POSTMARK, postmark(), secret=secret).status_code
        for secret in ("porta:primeira", "porta:segunda", "porta:terceira", SECRET)
    }
    assert list(answers.values()) == [401, 200, 200, 200]
    assert ProviderSecret.objects.filter(kind="address").count() == 2


def test_secrets_of_the_screen_open_the_door_alone(knock, settings):
    #
    settings.ANYMAIL = {"WEBHOOK_SECRET": "", "MAILGUN_WEBHOOK_SIGNING_KEY": ""}
    keep_secret(ProviderSecret(kind="address"), "porta:nova")
    assert knock(POSTMARK, postmark(), secret="porta:nova").status_code == 200
    assert knock(MAILGUN, mailgun(), secret="porta:nova").status_code == 401  # no signing key yet
    keep_secret(ProviderSecret(kind="mailgun"), MAILGUN_KEY)
    assert knock(MAILGUN, mailgun(), secret="porta:nova").status_code == 200


def test_two_signing_keys_of_mailgun_hold_and_the_third_ends_the_first(knock, settings):
    #
    settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET, "MAILGUN_WEBHOOK_SIGNING_KEY": ""}
    keep_secret(ProviderSecret(kind="mailgun"), MAILGUN_KEY)
    for key in ("outra-chave", "mais-uma"):
        assert knock(MAILGUN, mailgun()).status_code == 200
        keep_secret(ProviderSecret(kind="mailgun"), key)
    assert knock(MAILGUN, mailgun(token="d" * 50)).status_code == 401
    assert knock(MAILGUN, mailgun()).status_code == 401
    assert InboundMessage.objects.count() == 1


@pytest.mark.parametrize(
    "change", [{"signature": "0" * 64}, {"timestamp": "1"}, {"token": "b"}, {"signature": ""}]
)
def test_mailgun_signature_of_another_call(knock, change):
    assert knock(MAILGUN, mailgun(**change)).status_code == 401
    assert not InboundMessage.objects.exists()


@pytest.mark.parametrize("body", ["[]", "no json", '{"RawEmail": 5}', '{"RecordType": "Open"}'])
def test_a_genuine_call_nobody_understands_is_kept_in_sight(knock, body):
    assert knock(POSTMARK, body).status_code == 200  # architecture 6.1: stored whole, never dropped
    row = InboundMessage.objects.get()
    assert row.state == "dead"
    assert row.last_error
    assert payload_of(row) == body.encode()


def test_mail_beyond_the_form_limit_is_taken_and_a_flood_is_not(knock, settings):
    big = mail(text="uma linha de texto\n" * 400_000)
    assert len(big) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    assert knock(POSTMARK, postmark(big)).status_code == 200
    assert payload_of(InboundMessage.objects.get()).endswith(big[-1000:])
    assert knock(POSTMARK, b"x" * (settings.MAX_MAIL_BYTES * 3 // 2 + 1)).status_code == 413
    assert InboundMessage.objects.count() == 1


@pytest.mark.parametrize("provider", ["sendgrid", "amazon_ses", "mandrill", "mailjet", "brevo", "resend"])
def test_providers_we_have_not_tested_are_not_routed(provider):
    with pytest.raises(Resolver404):
        resolve(f"/canais/anymail/{provider}/inbound/")


# --- news about mail we sent -----------------------------------------------------------------------------


@pytest.fixture
def sent(arrive):
    """An acknowledgement that left, with the id its server gave."""
    arrive()
    while outbox.deliver_due():
        pass
    row = OutboundMessage.objects.get(purpose="auto")
    OutboundMessage.objects.filter(pk=row.pk).update(provider_id="pm-4711-abc")
    return row


def news(row: OutboundMessage, event: str, *, recipient: str = "", message_id: str = "") -> dict:
    stamp, token = "1795500000", "c" * 50
    return {
        "signature": {"timestamp": stamp, "token": token, "signature": signature(stamp, token)},
        "event-data": {
            "event": event,
            "severity": "permanent",
            "recipient": recipient or row.recipient,
            "message": {"headers": {"message-id": message_id or row.message_id}},
            "delivery-status": {"message": "550 no such user", "description": ""},
        },
    }


def receipt_of(row: OutboundMessage) -> str:
    row.refresh_from_db()
    return row.receipt


def test_status_only_climbs(knock, sent):
    for event, expected in [
        ("delivered", "delivered"),
        ("opened", "read"),
        ("delivered", "read"),
        ("failed", "read"),
    ]:
        assert knock(MAILGUN_NEWS, news(sent, event)).status_code == 200
        assert receipt_of(sent) == expected
    assert not ContactAddress.objects.filter(bounced_at__isnull=False).exists()


def test_a_bounce_marks_the_address_once(knock, sent):
    for _ in range(3):
        assert knock(MAILGUN_NEWS, news(sent, "failed")).status_code == 200
    assert receipt_of(sent) == "bounced"
    address = ContactAddress.objects.get(value=sent.recipient)
    assert address.bounced_at is not None
    assert "no such user" in address.bounce_reason


def test_a_complaint_marks_the_address_also_after_delivery(knock, sent):
    knock(MAILGUN_NEWS, news(sent, "delivered"))
    for _ in range(2):
        knock(MAILGUN_NEWS, news(sent, "complained"))
    assert receipt_of(sent) == "delivered"
    assert ContactAddress.objects.get(value=sent.recipient).bounced_at is not None
    ticket = ThreadEntry.objects.first().ticket
    assert ticket.events.filter(kind="bounced").count() == 1


@pytest.mark.parametrize("change", [{"recipient": "outra@trigal.example"}, {"message_id": "nada@x.example"}])
def test_news_about_anything_else_changes_nothing(knock, sent, change):
    assert knock(MAILGUN_NEWS, news(sent, "failed", **change)).status_code == 200
    assert receipt_of(sent) == ""
    assert not ContactAddress.objects.filter(bounced_at__isnull=False).exists()


def test_postmark_names_mail_by_the_id_it_gave(knock, sent):
    event = {"RecordType": "Delivery", "MessageID": "pm-4711-abc", "Recipient": sent.recipient}
    assert knock(POSTMARK_NEWS, event).status_code == 200
    assert receipt_of(sent) == "delivered"


def test_uncertain_is_settled_by_news(knock, sent):
    OutboundMessage.objects.filter(pk=sent.pk).update(state="uncertain")
    knock(MAILGUN_NEWS, news(sent, "delivered"))
    sent.refresh_from_db()
    assert sent.state == "sent"


# --- our own signed webhook ------------------------------------------------------------------------------


@pytest.fixture
def post_raw(client):
    channel = Channel.objects.get(key="email-suporte")
    channel.seal({"webhook_secrets": ["segredo-novo", "segredo-velho"]})
    channel.save()

    def post(body: bytes, given: str):
        return client.post(
            f"/canais/webhook/{channel.key}",
            body,
            content_type="message/rfc822",
            headers={"X-Signature-256": given},
        )

    return post


def test_raw_mail_with_either_secret_is_taken_and_a_replay_changes_nothing(post_raw):
    raw = mail()
    for secret in ("segredo-novo", "segredo-velho", "segredo-novo"):
        assert post_raw(raw, signed(raw, secret)).status_code == 200
    assert InboundMessage.objects.count() == 1


@pytest.mark.parametrize("case", ["tampered", "none", "short", "wrong", "other body", "no secret"])
def test_tampered_body_or_signature_is_401_and_stores_nothing(post_raw, case):
    raw = mail()
    good = signed(raw, "segredo-novo")
    body, given = {
        "tampered": (raw + b"x", good),
        "none": (raw, ""),
        "short": (raw, good[:20]),
        "wrong": (raw, signed(raw, "outro")),
        "other body": (raw, signed(b"x", "segredo-novo")),
        "no secret": (raw, signed(raw, "")),
    }[case]
    assert post_raw(body, given).status_code == 401
    assert not InboundMessage.objects.exists()
