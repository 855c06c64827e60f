"""The disk full, the database away, the clock set by two hours: what was taken stays."""

import base64
import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection

from channels_inbox import inbox, outbox
from channels_inbox.adapters.email import mail_envelope
from channels_inbox.files import path_of, read
from channels_inbox.models import Channel, InboundMessage, MessageAttachment, OutboundMessage
from channels_inbox.tasks import sweep
from tests.channels_inbox.signing import signed
from tests.mails import mail
from tickets import conversation
from tickets.models import EntryAttachment, Reaction, ThreadEntry, Ticket
from tickets.reactions import react_due
from tickets.tasks import sweep_desk

pytestmark = pytest.mark.django_db(transaction=True)
PICTURE = bytes(range(256)) * 800  # 200 KB


@contextmanager
def full_disk(at: int = 64 * 1024) -> Iterator[None]:
    """Let every write beyond `at` bytes of a file fail, as the last blocks of a disk do."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (at, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def database_away() -> Iterator[None]:
    """The link to the database is cut and cannot be made again."""
    host = connection.settings_dict["HOST"]
    connection.close()
    connection.settings_dict["HOST"] = "/nonexistent"
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["HOST"] = host


def everything_done() -> bool:
    while inbox.process_due() or react_due() or outbox.deliver_due():
        pass
    waits = InboundMessage.objects.filter(state="new"), Reaction.objects.filter(state="new")
    return not any(rows.exists() for rows in waits)


@pytest.fixture
def folder(settings, tmp_path) -> Path:
    settings.ATTACHMENTS_DIR = tmp_path / "attachments"
    return settings.ATTACHMENTS_DIR


def test_full_disk_at_an_attachment_is_tried_again_and_loses_nothing(desk, folder, travel):
    # R-148, I1
    raw = mail(subject="Com foto", files=(("foto.bin", "application/octet-stream", PICTURE),))
    inbox.store(
        Channel.objects.get(key="email-suporte"),
        [mail_envelope(raw), mail_envelope(mail(subject="Sem foto"))],
    )
    with full_disk():
        inbox.process_due()
    row = InboundMessage.objects.order_by("id")[0]
    assert (row.state, row.attempts) == ("new", 1)
    assert "File too large" in row.last_error
    assert [ticket.subject for ticket in Ticket.objects.all()] == ["Sem foto"]  # the queue behind goes on
    assert not MessageAttachment.objects.exists()
    assert [path for path in folder.rglob("*") if path.is_file()] == []  # no half of a file stays
    travel(minutes=1)
    assert everything_done()
    file = EntryAttachment.objects.get().file
    assert read(file.sha256) == PICTURE
    assert path_of(file.sha256).stat().st_mode & 0o777 == 0o600
    assert ThreadEntry.objects.filter(kind="customer").count() == 2


@pytest.fixture
def knock(desk, client, settings):
    """Post mail as a program of ours and as a provider do; return the two answers' codes."""
    settings.ANYMAIL = {"WEBHOOK_SECRET": "porta:frase"}
    channel = Channel.objects.get(key="email-suporte")
    channel.seal({"webhook_secrets": ["segredo"]})
    channel.save()

    def post(raw: bytes) -> list[int]:
        ours = client.post(
            f"/canais/webhook/{channel.key}", raw, content_type="message/rfc822",
            headers={"X-Signature-256": signed(raw, "segredo")},
        )  # fmt: skip
        body = {"RawEmail": raw.decode(), "OriginalRecipient": "financeiro@presteza.example"}
        body |= {
            "FromFull": {"Email": "marina@trigal.example"},
            "ToFull": [],
            "Headers": [],
            "Attachments": [],
        }
        provider = client.post(
            "/canais/anymail/postmark/inbound/", json.dumps(body), content_type="application/json",
            headers={"Authorization": "Basic " + base64.b64encode(b"porta:frase").decode()},
        )  # fmt: skip
        return [ours.status_code, provider.status_code]

    return post


def test_without_a_database_a_webhook_says_503_and_the_repeat_is_taken(knock):
    # R-147, rule 1
    raw = mail(subject="Chegou na hora errada")
    with database_away():
        assert knock(raw) == [503, 503]
    assert not InboundMessage.objects.exists()
    assert knock(raw) == [200, 200]
    assert knock(raw) == [200, 200]
    assert InboundMessage.objects.count() == 2  # one arrival a mailbox
    assert everything_done()
    assert ThreadEntry.objects.filter(kind="customer").count() == 2


def test_without_room_for_a_large_mail_a_webhook_says_503_and_the_repeat_is_taken(knock, folder):
    raw = mail(text="uma linha de texto\r\n" * 400_000)
    with full_disk(1024 * 1024):
        assert knock(raw) == [503, 503]
    assert not InboundMessage.objects.exists()
    assert knock(raw) == [200, 200]
    assert {inbox.payload_of(row)[-500:] for row in InboundMessage.objects.all()} == {raw[-500:]}


def test_a_worker_without_a_database_takes_up_where_it_was(desk, travel):
    inbox.store(Channel.objects.get(key="email-suporte"), [mail_envelope(mail())])
    (row,) = InboundMessage.objects.all().claim(1, related=["channel"])
    with database_away(), pytest.raises(Exception, match="connection"):
        inbox.process(row)
    travel(seconds=3)
    sweep()
    assert everything_done()
    assert ThreadEntry.objects.get(kind="customer").inbound_id == row.pk


def test_a_clock_two_hours_ahead_ends_leases_early_and_doubles_nothing(desk, travel):
    inbox.store(Channel.objects.get(key="email-suporte"), [mail_envelope(mail())])
    (slow,) = InboundMessage.objects.all().claim(1, related=["channel"])
    travel(hours=2)
    sweep()
    assert everything_done()
    inbox.process(slow)  # the slow worker ends its work: fenced off, rolled back
    assert ThreadEntry.objects.filter(kind="customer").count() == Ticket.objects.count() == 1
    assert OutboundMessage.objects.filter(purpose="auto").count() == 1


def test_a_clock_set_back_by_two_hours_keeps_nobody_waiting(arrive, person, travel):
    # I6: rows written and claimed in the wrong hours are due at once, not two hours later
    travel(hours=2)
    ticket = arrive(react=False).ticket
    conversation.reply(ticket, actor=person("livia"), text="Vou ver.")
    store = Channel.objects.get(key="email-suporte")
    inbox.store(store, [mail_envelope(mail(subject="a")), mail_envelope(mail(subject="b"))])
    InboundMessage.objects.all().claim(1)
    Reaction.objects.all().claim(1)
    Channel.objects.filter(pk=store.pk).update(
        poll_lease_until=InboundMessage.objects.get(lease_until__isnull=False).lease_until
    )
    travel(hours=-2)
    sweep()
    sweep_desk()
    travel(seconds=65)  # what was claimed runs out as if claimed now (a lease is 2 s here); undo is over
    sweep()
    sweep_desk()
    assert everything_done()
    assert Ticket.objects.count() == 3
    assert set(OutboundMessage.objects.values_list("state", flat=True)) == {"sent"}
    store.refresh_from_db()
    assert store.poll_lease_until is None


def test_the_wait_of_a_failed_row_is_no_wrong_clock(desk, travel):
    inbox.store(Channel.objects.get(key="email-suporte"), [mail_envelope(mail())])
    InboundMessage.objects.update(attempts=4)
    (row,) = InboundMessage.objects.all().claim(1)
    row.fail("cedo demais")
    sweep()
    sweep_desk()
    assert not InboundMessage.objects.all().due().exists()
    assert InboundMessage.objects.get().attempts == 5
