"""The main job on each road a mail takes: in, answered, followed by the customer, one ticket (R-001, R-127)."""

import tempfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from channels_inbox.models import Channel
from channels_inbox.tasks import poll_channels
from helpdesk.people.models import User
from tests.browser.product import smtp_port
from tests.browser.roads import (
    LINK,
    answer_to,
    customer_entries,
    letter_to,
    mark,
    post,
    read_all,
    reply,
    stayed,
    ticket_of,
    words,
)
from tests.channels_inbox.conftest import authority, dovecot, mailbox, short_home  # noqa: F401
from tests.flows.answered import forged_signature
from tests.flows.worker import smtp_sink, until, worker
from tests.mails import mail
from tickets.models import ThreadEntry, Ticket, TrackingToken

pytestmark = [
    pytest.mark.django_db(transaction=True), pytest.mark.needs("chromium"), pytest.mark.timeout(300),
]  # fmt: skip
PASSWORD = "uma frase de teste"
MARINA = "Marina Prado <marina@trigal.example>"
SUPPORT = "suporte@presteza.example"


@pytest.fixture
def livia(person) -> User:
    user = person("livia", "agent", "suporte")
    User.objects.filter(pk=user.pk).update(undo_seconds=0)
    return user


@pytest.fixture
def home():
    with tempfile.TemporaryDirectory(prefix="hdr", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def post_office(watch, home):
    """A worker whose mail leaves by SMTP, and the local port where mail comes in; yields (sink, port)."""
    with (
        smtp_port(home, watch.url) as port,
        smtp_sink() as (sink, out),
        worker(home, smtp_port=out, BASE_URL=watch.url),
    ):
        yield sink, port


def sign_in(page: Page, user: User) -> None:
    page.goto("/conta/entrar/")
    page.get_by_label("E-mail").fill(user.email)
    page.get_by_label("Senha", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Entrar").click()
    expect(page.locator("#ticket-list")).to_be_visible()


def open_from_list(page: Page, subject: str) -> None:
    """A new ticket shows itself in the open list; open it there."""
    row = page.locator(".trow", has_text=subject)
    expect(row).to_be_visible(timeout=40_000)
    row.get_by_role("link").first.click()
    expect(page.locator("#assunto")).to_have_text(subject)
    assert stayed(page)


def shows(page: Page, text: str) -> None:
    """The open thread shows what arrived, and was not loaded again for it."""
    expect(page.locator(".msg.in", has_text=text)).to_be_visible(timeout=40_000)
    assert stayed(page)


# --- the mailbox page: nothing but a browser ----------------------------------------------------------------


def write_as_customer(page: Page) -> None:
    page.goto("/correio/")
    page.get_by_role("link", name="Escrever como cliente").first.click()
    page.get_by_label("Nome do cliente").fill("Marina Prado")
    page.get_by_label("E-mail do cliente").fill("marina@trigal.example")
    page.get_by_label("Para", exact=True).select_option(label=SUPPORT)
    page.get_by_label("Assunto").fill("NF-e rejeitada")
    page.get_by_label("Mensagem").fill("A nota 1932 volta com rejeição 539.")
    page.get_by_role("button", name="Enviar como cliente").click()
    expect(page.locator("#toasts")).to_contain_text("marina@trigal.example")


def link_in_mailbox(page: Page, saying: str) -> str:
    """Wait for the reply in the local mailbox; return the tracking link it carries."""

    def found() -> bool:
        page.goto("/correio/")
        mails = page.locator(".qlist a")
        if mails.count() < 2:  # the acknowledgement came first
            return False
        mails.first.click()
        return page.locator("article", has_text=saying).count() == 1

    until(found)
    return LINK.search(page.locator("article").inner_text())[0]


def answer_on_page(page: Page, text: str) -> None:
    page.get_by_label("Sua mensagem").fill(text)
    page.locator("#files").set_input_files(
        [{"name": "tela do erro.txt", "mimeType": "text/plain", "buffer": b"rejeicao 539"}]
    )
    page.get_by_role("button", name="Enviar").click()
    expect(page.get_by_text("Mensagem recebida")).to_be_visible()


def test_mailbox_page(watch, livia, home):
    User.objects.filter(pk=livia.pk).update(undo_seconds=5)  # the shortest window that can be undone
    with worker(home, BASE_URL=watch.url):
        office = watch.context()
        desk = office.new_page()
        sign_in(desk, livia)
        mark(desk)
        letters = office.new_page()
        write_as_customer(letters)
        open_from_list(desk, "NF-e rejeitada")
        reply(desk, "Vou reenviar a nota até 10h30.")
        expect(desk.get_by_role("button", name="Desfazer").first).to_be_visible()
        link = link_in_mailbox(letters, "Vou reenviar a nota")

        phone = watch.context(phone=True).new_page()  # no login, another device
        phone.goto(link)
        expect(phone.locator("#thread")).to_contain_text("Vou reenviar a nota até 10h30.")
        assert "/t/" not in phone.url
        answer_on_page(phone, "Ainda não chegou, segue a tela.")
        shows(desk, "Ainda não chegou, segue a tela.")
        expect(desk.locator(".msg.in .file")).to_contain_text("tela do erro.txt")
        expect(desk.locator("[id^=ticket-header]")).to_contain_text(
            "Em atendimento"
        )  # D.8: it came back to us

        desk.locator("header .top [data-resolve]").click()
        desk.locator("#resolve").get_by_role("button", name="Resolver").click()
        expect(desk.locator("[id^=ticket-header]")).to_contain_text("Resolvido")
        phone.reload()
        phone.get_by_role("button", name="Reabrir chamado").click()
        phone.get_by_label("Sua mensagem").fill("Voltou a rejeitar.")
        phone.get_by_role("button", name="Reabrir", exact=True).click()
        expect(phone.get_by_text("Mensagem recebida")).to_be_visible()
        shows(desk, "Voltou a rejeitar.")
        expect(desk.locator("[id^=ticket-header]")).to_contain_text("Em atendimento")
    ticket = Ticket.objects.get()
    assert ticket.status == "open"
    assert customer_entries(ticket) == [
        "A nota 1932 volta com rejeição 539.", "Ainda não chegou, segue a tela.", "Voltou a rejeitar.",
    ]  # fmt: skip


# --- the local SMTP port --------------------------------------------------------------------------------------


def first_answer(watch, open_as, user: User, subject: str, sink) -> tuple[Page, Ticket, object]:
    """The mail is a ticket, answered in the browser; return the open page, the ticket and what the sink took."""
    page = open_as(user)
    mark(page)
    open_from_list(page, subject)
    reply(page, "Vou reenviar a nota.")
    return page, ticket_of(subject), letter_to(sink, "marina@trigal.example", saying="Vou reenviar")


def check_letter(letter, ticket: Ticket, root: str) -> None:
    """One conversation in every mail program, and the customer's own link."""
    assert letter["In-Reply-To"] == f"<{root}>" or f"<{root}>" in letter["References"]
    assert f"<{root}>" in letter["References"]
    assert letter["X-Presteza-Protocol"] == ticket.protocol
    assert LINK.search(words(letter))
    assert letter.get_body(("html",)) is not None
    assert not letter["Auto-Submitted"]


def test_local_port(watch, open_as, person, post_office):
    sink, port = post_office
    caio = person("caio", "agent", "financeiro")
    User.objects.filter(pk=caio.pk).update(undo_seconds=0)
    raw = mail(
        sender=MARINA,
        to="financeiro@presteza.example",
        subject="Segunda via",
        message_id="raiz@trigal.example",
    )
    post(port, raw, sender="marina@trigal.example")
    page, ticket, letter = first_answer(watch, open_as, caio, "Segunda via", sink)
    assert ticket.department.key == "financeiro"
    check_letter(letter, ticket, "raiz@trigal.example")
    phone = watch.context(phone=True).new_page()
    phone.goto(LINK.search(words(letter))[0])
    expect(phone.locator("#thread")).to_contain_text("Vou reenviar a nota.")
    post(port, answer_to(letter, "Obrigada, chegou.", sender=MARINA), sender="marina@trigal.example")
    shows(page, "Obrigada, chegou.")
    assert Ticket.objects.count() == 1
    assert customer_entries(ticket)[1:] == ["Obrigada, chegou."]


# --- a polled mailbox -----------------------------------------------------------------------------------------


@pytest.mark.needs("dovecot")
def test_dovecot(watch, open_as, livia, home, dovecot, mailbox):  # noqa: F811
    mailbox(dovecot, "suporte")
    assert Channel.objects.get(key="email-suporte").options["imap_port"] == dovecot.tls_port
    raw = mail(sender=MARINA, to=SUPPORT, subject="Etiqueta cortada", message_id="raiz@trigal.example")
    dovecot.append("suporte", raw)
    with smtp_sink() as (sink, out):
        allowed = f"127.0.0.1:{out},127.0.0.1:{dovecot.tls_port}"
        with worker(
            home, smtp_port=out, BASE_URL=watch.url, EGRESS_ALLOW=allowed, EXTRA_CA_FILE=dovecot.cafile
        ):
            poll_channels.delay()  # the bell that rings every 20 seconds
            page, ticket, letter = first_answer(watch, open_as, livia, "Etiqueta cortada", sink)
            assert ticket.department.key == "suporte"
            check_letter(letter, ticket, "raiz@trigal.example")
            dovecot.append("suporte", answer_to(letter, "Agora saiu inteira.", sender=MARINA))
            poll_channels.delay()
            shows(page, "Agora saiu inteira.")
    assert Ticket.objects.count() == 1
    assert customer_entries(ticket)[1:] == ["Agora saiu inteira."]
    assert dovecot.seen("suporte") == [False, False]


# --- somebody else --------------------------------------------------------------------------------------------


def test_stranger_stays_outside(watch, open_as, livia, post_office):
    """A10: who copies or forges id, reference, tag or number gets a ticket of their own and learns nothing."""
    sink, port = post_office
    raw = mail(sender=MARINA, to=SUPPORT, subject="Senha do certificado", message_id="raiz@trigal.example")
    post(port, raw, sender="marina@trigal.example")
    page, ticket, letter = first_answer(watch, open_as, livia, "Senha do certificado", sink)
    own, tag = letter["Message-ID"].strip("<> "), str(letter["Reply-To"].addresses[0].addr_spec)
    entries = list(ThreadEntry.objects.filter(ticket=ticket).values_list("pk", flat=True))
    forged = {
        "id copiado": {"in_reply_to": own},
        "id forjado": {"in_reply_to": forged_signature(own)},
        "referencia": {"references": f"<raiz@trigal.example> <{own}>"},
        "endereco copiado": {"to": tag},
        "endereco forjado": {"to": forged_signature(tag)},
        "numero": {
            "subject": f"Re: [{ticket.protocol}] numero",
            "text": f"Sobre {ticket.protocol}: mande a senha.",
        },
    }
    before = len(sink.messages)
    for number, (name, facts) in enumerate(forged.items()):
        sender = f"estranho{number}@fora.example"
        facts = {"to": SUPPORT, "subject": name, "text": "Mande a senha.", **facts}
        post(port, mail(sender=f"Marina Prado <{sender}>", **facts), sender=sender)
    until(lambda: Ticket.objects.count() == 1 + len(forged))
    until(
        lambda: len(sink.messages) >= before + len(forged)
    )  # each stranger gets the confirmation of the own ticket
    assert list(ThreadEntry.objects.filter(ticket=ticket).values_list("pk", flat=True)) == entries
    told = sink.messages[before:]
    assert not [recipients for recipients, _raw in told if "marina@trigal.example" in recipients]
    for _recipients, sent in told:
        letter = read_all(sent).replace(forged["numero"]["subject"], "")  # the stranger's own subject
        for secret in ("Vou reenviar", "rejeição 539", "Senha do certificado", f"[{ticket.protocol}]"):
            assert secret not in letter
    assert not TrackingToken.objects.filter(ticket=ticket).exclude(contact=ticket.contact).exists()
    assert customer_entries(ticket) == ["Boa tarde. A nota do pedido 1932 volta com rejeição 539."]
    expect(page.locator(".msg.in")).to_have_count(1)
    assert stayed(page)
    copied = Ticket.objects.get(subject="id copiado")
    page.goto(f"/chamados/{copied.pk}/")
    expect(page.locator(".banner.accent")).to_contain_text(ticket.protocol)  # one click, by people, joins it
