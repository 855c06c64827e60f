"""A customer answers on the page: once, on the right ticket, with every typed word kept (R-001, R-006, D.8)."""

import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from channels_inbox import files
from channels_inbox.models import MessageAttachment
from tickets import conversation, lifecycle
from tickets.models import ThreadEntry, Ticket
from tickets.portal.access import COOKIE

pytestmark = pytest.mark.django_db(transaction=True)


def test_reply_joins_the_ticket_and_makes_it_unanswered(arrive, person, enter):
    ticket = arrive().ticket
    conversation.reply(ticket, actor=person("livia"), text="Pode testar?", then="waiting_customer")
    client, path = enter(ticket)
    answer = client.post(path, {"text": "Testei, voltou a rejeitar."})
    assert answer.status_code == 302
    assert answer["Location"].startswith(f"{path}?enviado=1")
    ticket.refresh_from_db()
    assert (ticket.status, ticket.unanswered) == ("open", True)  # D.8
    entry = ticket.entries.order_by("-id")[0]
    assert (entry.kind, entry.channel.kind, entry.contact) == ("customer", "portal", ticket.contact)
    assert "Mensagem recebida" in client.get(answer["Location"]).content.decode()


def test_same_key_twice_is_one_message(arrive, enter):
    ticket = arrive().ticket
    client, path = enter(ticket)
    key = uuid.uuid4().hex
    first = client.post(path, {"text": "uma vez só", "key": key})
    again = client.post(path, {"text": "uma vez só", "key": key})
    assert first["Location"] == again["Location"]
    assert ticket.entries.filter(text="uma vez só").count() == 1


def test_resolved_ticket_reopens(arrive, person, enter):  # D.8
    ticket = arrive().ticket
    conversation.reply(ticket, actor=person("livia"), text="Corrigido.", then="resolved")
    client, path = enter(ticket)
    page = client.get(path).content.decode()
    assert "O que foi feito" in page
    assert "O problema voltou?" in page
    client.post(path, {"text": "voltou"})
    ticket.refresh_from_db()
    assert ticket.status == "open"


def closed(ticket: Ticket) -> None:
    lifecycle.change_status(ticket, "resolved", actor=None)
    lifecycle.change_status(ticket, "closed", actor=None)


@pytest.mark.parametrize(("minutes", "same"), [(-1, True), (1, False)])
def test_closed_ticket_reopens_for_seven_days_then_a_linked_one_opens(
    arrive, enter, travel, minutes, same
):
    ticket = arrive().ticket
    client, path = enter(ticket)
    closed(ticket)
    travel(days=7, minutes=minutes)
    answer = client.post(path, {"text": "voltou de novo", "key": "a" * 32})
    entry = ThreadEntry.objects.get(text="voltou de novo")
    ticket.refresh_from_db()
    assert (entry.ticket_id == ticket.pk) == same
    assert ticket.status == ("open" if same else "closed")
    if not same:
        assert entry.ticket.possible_follow_up_of == ticket
        assert answer["Location"].startswith(reverse("portal:ticket", args=[entry.ticket.protocol]))
        page = client.get(answer["Location"])
        assert "voltou de novo" in page.content.decode()
        client.post(path, {"text": "voltou de novo", "key": "a" * 32})
        assert Ticket.objects.count() == 2


def test_reply_to_a_merged_ticket_lands_on_the_target(arrive, person, enter):
    from tickets.follow_up import join

    target, stray = arrive().ticket, arrive(subject="outra").ticket
    client, path = enter(stray)
    Ticket.objects.filter(pk=stray.pk).update(possible_follow_up_of=target)
    join(stray, actor=person("livia"))
    client.post(path, {"text": "para onde vai"})
    assert ThreadEntry.objects.get(text="para onde vai").ticket == target


def test_empty_message_is_said_and_nothing_is_written(arrive, enter):
    ticket = arrive().ticket
    client, path = enter(ticket)
    answer = client.post(path, {"text": "   "})
    assert answer.status_code == 422
    assert "Escreva a mensagem antes de enviar." in answer.content.decode()
    assert ticket.entries.filter(kind="customer").count() == 1


def test_file_over_the_limit_is_refused_before_it_is_kept_and_the_text_stays(
    arrive, enter, settings
):  # A12, R-148
    ticket = arrive().ticket
    client, path = enter(ticket)
    settings.MAX_ATTACHMENT_BYTES = 1024
    kept = set(files.settings.ATTACHMENTS_DIR.rglob("*"))
    sent = SimpleUploadedFile("grande.bin", b"x" * 1025)
    answer = client.post(path, {"text": "segue o arquivo & <b>", "files": [sent]})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "segue o arquivo &amp; &lt;b&gt;" in page
    assert "grande.bin" in page
    assert set(files.settings.ATTACHMENTS_DIR.rglob("*")) == kept
    assert ticket.entries.filter(kind="customer").count() == 1


def test_files_are_stored_under_safe_names(arrive, enter):  # A12
    ticket = arrive().ticket
    client, path = enter(ticket)
    names = ["../../etc/passwd", "rela\u202etxt.exe", "CON", "n" * 300 + ".pdf", ".htaccess"]
    sent = [SimpleUploadedFile("x", b"%PDF-1.4 " + str(n).encode()) for n in range(len(names))]
    for each, name in zip(sent, names, strict=True):
        each._name = name
    answer = client.post(path, {"text": "", "files": sent})
    assert answer.status_code == 302
    stored = MessageAttachment.objects.order_by("-id")[: len(names)]
    assert all("/" not in row.name and "\u202e" not in row.name and len(row.name) <= 120 for row in stored)
    assert all(files.path_of(row.sha256).stat().st_mode & 0o777 == 0o600 for row in stored)


def test_expired_cookie_keeps_the_typed_text(arrive):
    ticket = arrive().ticket
    path = reverse("portal:ticket", args=[ticket.protocol])
    answer = Client(headers={"cookie": f"{COOKIE}=velho"}).post(path, {"text": "demorei a escrever <isto>"})
    assert answer.status_code == 404
    assert "demorei a escrever &lt;isto&gt;" in answer.content.decode()
    assert ThreadEntry.objects.filter(kind="customer").count() == 1


def test_post_without_forgery_token_is_refused_and_shows_the_text(arrive, enter):  # A28
    ticket = arrive().ticket
    client, path = enter(ticket, Client(enforce_csrf_checks=True))
    answer = client.post(path, {"text": "texto que não se perde"})
    assert answer.status_code == 403
    assert "texto que não se perde" in answer.content.decode()
    assert client.post(reverse("portal:revoke", args=[ticket.protocol])).status_code == 403
