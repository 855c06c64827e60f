"""The local mailbox closes the loop in a browser, and shows each person only what is theirs to see."""

import re

import pytest
from django.core.mail import get_connection, send_mail
from django.test import Client
from django.urls import reverse

from channels_inbox.inbox import process_due
from channels_inbox.models import InboundMessage, OutboundMessage
from channels_inbox.outbox import deliver_due
from helpdesk.people.models import AuditEntry
from tickets import conversation
from tickets.models import Ticket
from tickets.reactions import react_due

pytestmark = pytest.mark.django_db(transaction=True)
WRITE = {
    "sender": "nova@padaria.example",
    "name": "Nova Cliente",
    "subject": "Pedido de ajuda",
    "text": "Como faço?",
}


def work() -> None:
    while process_due() or react_due() or deliver_due():
        pass


def mailbox_of(support: str) -> str:
    from channels_inbox.models import Channel

    return str(Channel.objects.get(key=f"email-{support}").pk)


@pytest.fixture
def livia(person):
    return person("livia")


def test_whole_loop_with_nothing_but_a_browser(livia, client, travel):
    client.force_login(livia)
    written = client.post(reverse("tickets:mailbox_write"), {**WRITE, "channel": mailbox_of("suporte")})
    assert written.status_code == 302
    work()
    ticket = Ticket.objects.get()
    assert (ticket.subject, ticket.department.key, ticket.contact.name) == (
        "Pedido de ajuda",
        "suporte",
        "Nova Cliente",
    )
    conversation.reply(ticket, actor=livia, text="É no menu Ajuda.")
    travel(seconds=30)
    work()
    page = client.get(reverse("tickets:mailbox")).content.decode()
    assert page.count('<span class="muted">nova@padaria.example') == 2  # acknowledgement and reply
    row = OutboundMessage.objects.get(purpose="reply")
    shown = client.get(reverse("tickets:mailbox_message", args=[row.pk])).content.decode()
    link = re.search(r'href="http://[^/"]+(/t/[\w-]+)"', shown)
    assert Client().get(link[1]).status_code == 302
    client.post(reverse("tickets:mailbox_message", args=[row.pk]), {"text": "Achei, obrigada."})
    work()
    assert Ticket.objects.count() == 1
    entry = ticket.entries.filter(kind="customer").latest("id")
    assert entry.text.strip() == "Achei, obrigada."  # the quote was a quote
    raw = InboundMessage.objects.latest("id")
    sent = bytes(raw.payload).decode()
    assert f"In-Reply-To: <{row.message_id.strip('<>')}>" in re.sub(r"\r\n\s+", " ", sent)
    assert "+t" in sent.split("To: ")[-1] or "+t" in sent  # to the signed reply address
    assert AuditEntry.objects.filter(kind="local_mail_written", actor=livia).count() == 2


def test_each_person_sees_the_mail_of_their_tickets(arrive, person, client, livia):  # A07
    arrive()
    work()
    row = OutboundMessage.objects.get()
    url = reverse("tickets:mailbox_message", args=[row.pk])
    client.force_login(person("caio", department="financeiro"))
    assert "marina@trigal.example" not in client.get(reverse("tickets:mailbox")).content.decode()
    assert client.get(url).status_code == 404
    assert client.post(url, {"text": "oi"}).status_code == 404
    client.force_login(livia)
    assert client.get(url).status_code == 200


def test_account_mail_is_for_those_who_make_accounts(
    desk, person, client, livia
):  # A14: it holds secret links
    backend = get_connection("channels_inbox.account_mail.OutboxBackend")
    send_mail(
        "Senha", "http://127.0.0.1:8000/conta/segredo", None, ["ana@equipe.example"], connection=backend
    )
    work()
    row = OutboundMessage.objects.get()
    url = reverse("tickets:mailbox_message", args=[row.pk])
    for who in (livia, person("bruno", "leader")):
        client.force_login(who)
        assert "ana@equipe.example" not in client.get(reverse("tickets:mailbox")).content.decode()
        assert client.get(url).status_code == 404
    client.force_login(person("chefe", "admin", None))
    page = client.get(url).content.decode()
    assert "segredo" in page
    assert "Responder como" not in page
    assert client.post(url, {"text": "oi"}).status_code == 200
    assert InboundMessage.objects.count() == 0


@pytest.mark.parametrize("change", [{"LOCAL_MAILBOX": False}, {"SMTP_HOST": "smtp.example"}])
def test_page_does_not_exist_where_mail_really_leaves(arrive, client, livia, settings, change):
    arrive()
    work()
    for name, value in change.items():
        setattr(settings, name, value)
    client.force_login(livia)
    urls = [reverse("tickets:mailbox"), reverse("tickets:mailbox_write")]
    urls.append(reverse("tickets:mailbox_message", args=[OutboundMessage.objects.get().pk]))
    assert {client.get(url).status_code for url in urls} == {404}
    assert client.post(urls[1], {**WRITE, "channel": mailbox_of("suporte")}).status_code == 404


def test_nobody_outside_gets_in(client, desk):
    for name in ("mailbox", "mailbox_write"):
        answer = client.get(reverse(f"tickets:{name}"))
        assert answer.status_code == 302
        assert "/conta/" in answer["Location"]


def test_hostile_headers_stay_words(livia, client):  # A18
    client.force_login(livia)
    hostile = {**WRITE, "name": 'x"\r\nBcc: alvo@x.example', "subject": "oi\r\nBcc: alvo@x.example"}
    hostile["channel"] = mailbox_of("suporte")
    client.post(reverse("tickets:mailbox_write"), hostile)
    for row in InboundMessage.objects.all():
        assert b"\nBcc:" not in bytes(row.payload)


def test_wrong_fields_keep_the_text(livia, client):
    client.force_login(livia)
    answer = client.post(
        reverse("tickets:mailbox_write"), {**WRITE, "sender": "x", "channel": mailbox_of("suporte")}
    )
    assert answer.status_code == 422
    assert "Como faço?" in answer.content.decode()
    assert InboundMessage.objects.count() == 0


def test_list_costs_the_same_for_one_and_three(arrive, client, livia, django_assert_max_num_queries):
    client.force_login(livia)
    arrive()
    work()
    client.get(reverse("tickets:mailbox"))
    with django_assert_max_num_queries(8) as few:
        client.get(reverse("tickets:mailbox"))
    for number in range(3):
        arrive(sender=f"C <c{number}@trigal.example>")
    work()
    with django_assert_max_num_queries(8) as more:
        client.get(reverse("tickets:mailbox"))
    assert len(few) == len(more)
