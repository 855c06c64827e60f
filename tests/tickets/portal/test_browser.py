"""The customer's pages in a real browser: phone first, without script too, no policy broken, nothing from others."""

import io

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings as site_conf
from django.test import Client
from django.urls import reverse
from PIL import Image
from playwright.sync_api import Page, expect

from channels_inbox.models import InboundMessage
from channels_inbox.outbox import deliver_due
from tests.mails import mail
from tests.tickets.portal.conftest import link_to
from tickets import conversation
from tickets.models import ThreadEntry, Ticket
from tickets.trio import set_trio

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs("chromium")]
WATCH = "window.broken=[];document.addEventListener('securitypolicyviolation',e=>broken.push(e.violatedDirective))"
SIZES = {"phone": (390, 844, "light"), "dark": (390, 844, "dark"), "desktop": (1440, 900, "light")}


@pytest.fixture
def browse(chromium, live_server, settings):
    """Open a browser of a size; nothing may be asked of any other host (A03)."""
    settings.BASE_URL = live_server.url
    contexts, strangers = [], []

    def run(size: str = "phone", *, script: bool = True) -> Page:
        width, height, scheme = SIZES[size]
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, base_url=live_server.url,
            locale="pt-BR", java_script_enabled=script,
        )  # fmt: skip
        contexts.append(context)
        context.add_init_script(WATCH)
        page = context.new_page()
        page.on(
            "request",
            lambda sent: None if sent.url.startswith(live_server.url) else strangers.append(sent.url),
        )
        return page

    yield run
    for context in contexts:
        context.close()
    assert strangers == []


@pytest.fixture
def ticket(arrive, person) -> Ticket:
    ticket, livia = arrive().ticket, person("livia")
    conversation.reply(ticket, actor=livia, text="Reproduzi a **rejeição** aqui.")
    set_trio(
        ticket, actor=livia, now="Conferindo a série", next_step="Reenviar a nota", when=ticket.created_at
    )
    return Ticket.objects.get(pk=ticket.pk)


def check(page: Page) -> None:
    violations = Axe().run(page).response["violations"]
    assert [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in violations] == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.evaluate("broken") == []


@pytest.mark.parametrize("size", list(SIZES))
def test_customer_follows_and_answers(browse, ticket, size):
    page = browse(size)
    page.goto(link_to(ticket))
    assert "/t/" not in page.url
    check(page)
    page.get_by_label("Sua mensagem").fill("Consigo a nota até as 11h?")
    page.set_input_files("#files", {"name": "print.txt", "mimeType": "text/plain", "buffer": b"linha"})
    expect(page.locator("[data-names]")).to_contain_text("print.txt")
    page.get_by_role("button", name="Enviar").click()
    expect(page.get_by_text("Mensagem recebida")).to_be_visible()
    expect(page.locator("#thread")).to_contain_text("Consigo a nota até as 11h?")
    check(page)
    entry = ThreadEntry.objects.latest("id")
    assert (entry.text, entry.attachments.get().file.name) == ("Consigo a nota até as 11h?", "print.txt")
    assert page.get_by_label("Sua mensagem").input_value() == ""


@pytest.mark.parametrize("script", [True, False])
def test_solved_ticket_is_reopened_from_its_page(browse, ticket, person, script):  # D.8
    livia = ticket.entries.get(kind="reply").author
    conversation.reply(ticket, actor=livia, text="Corrigido.", then="resolved")
    page = browse(script=script)
    page.goto(link_to(ticket))
    if script:
        check(page)
    page.get_by_role("button", name="Reabrir chamado").click()
    page.get_by_label("Sua mensagem").fill("Voltou a acontecer.")
    if script:
        check(page)
    page.get_by_role("button", name="Reabrir", exact=True).click()
    expect(page.get_by_text("Mensagem recebida")).to_be_visible()
    assert Ticket.objects.get(pk=ticket.pk).status == "open"


def test_typed_text_survives_a_lost_network(browse, ticket):
    page = browse()
    page.goto(link_to(ticket))
    where = page.url
    page.get_by_label("Sua mensagem").fill("Texto comprido que não se perde")
    page.context.set_offline(True)
    page.get_by_role("button", name="Enviar").click()
    page.wait_for_url("chrome-error://**")
    page.context.set_offline(False)
    page.goto(where)
    assert page.get_by_label("Sua mensagem").input_value() == "Texto comprido que não se perde"
    page.get_by_role("button", name="Enviar").click()
    expect(page.get_by_text("Mensagem recebida")).to_be_visible()


def test_news_come_without_reload(browse, ticket, travel):
    page = browse()
    page.clock.install()
    page.goto(link_to(ticket))
    expect(page.locator("#thread")).not_to_contain_text("Pronto, autorizada")
    livia = ticket.entries.get(kind="reply").author
    conversation.reply(ticket, actor=livia, text="Pronto, autorizada.")
    travel(seconds=30)
    while deliver_due():
        pass
    page.clock.fast_forward(21_000)
    expect(page.locator("#thread")).to_contain_text("Pronto, autorizada")
    assert page.evaluate("broken") == []


@pytest.mark.parametrize("size", list(SIZES))
def test_help_form_and_the_other_doors(browse, desk, size, monkeypatch):
    monkeypatch.setattr("tickets.portal.forms.LEAST_SECONDS", -1)
    page = browse(size)
    for path in ("/acompanhar/", "/t/" + "x" * 43, "/nada/aqui/", "/ajuda/"):
        page.goto(path)
        check(page)
    page.get_by_label("Financeiro").check()
    page.get_by_label("Assunto").fill("Segunda via")
    page.get_by_label("O que aconteceu?").fill("Preciso da segunda via.")
    page.get_by_label("Seu nome").fill("Joana Lima")
    page.get_by_label("Seu e-mail").fill("joana@padaria.example")
    page.get_by_role("button", name="Abrir chamado").click()
    expect(page.get_by_role("heading", name="Recebemos o seu chamado")).to_be_visible()
    check(page)
    assert Ticket.objects.get().department.key == "financeiro"


def test_whole_mail_shows_its_own_pictures_and_nothing_else(browse, arrive, person):  # A01, A03
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(out, "PNG")
    html = (
        '<p style="background:url(//rastreio.example/a)">Olá</p><img alt="logo" src="cid:logo1">'
        '<img src="https://rastreio.example/p.png"><script>document.title="tomado"</script>'
    )
    raw = mail(html=html, files=(("logo.png", "image/png", out.getvalue()),))
    attached = b'Content-Disposition: attachment; filename="logo.png"'
    entry = arrive(raw.replace(attached, b"Content-ID: <logo1>\r\n" + attached))
    client = Client()
    client.force_login(person("livia"))
    page = browse("desktop")
    value = client.cookies[site_conf.SESSION_COOKIE_NAME].value
    page.context.add_cookies(
        [{"name": site_conf.SESSION_COOKIE_NAME, "value": value, "url": site_conf.BASE_URL}]
    )
    page.goto(reverse("tickets:original", args=[entry.pk]))
    frame = page.frame_locator("iframe")
    expect(frame.locator("p")).to_have_text("Olá")
    picture = frame.locator("img[alt=logo]")
    expect(picture).to_be_visible()
    page.wait_for_load_state("networkidle")
    frame_handle = page.frames[1]
    assert frame_handle.locator("img[alt=logo]").bounding_box()["width"] == 40
    assert "tomado" not in page.title()


@pytest.mark.parametrize("size", list(SIZES))
def test_local_mailbox_and_whole_mail_stand_in_the_browser(browse, ticket, person, travel, size):
    travel(seconds=30)
    while deliver_due():
        pass
    client, entry = Client(), ticket.entries.get(kind="customer")
    client.force_login(person("chefe", "admin", None))
    page = browse(size)
    value = client.cookies[site_conf.SESSION_COOKIE_NAME].value
    page.context.add_cookies(
        [{"name": site_conf.SESSION_COOKIE_NAME, "value": value, "url": site_conf.BASE_URL}]
    )
    for path in (reverse("tickets:mailbox_write"), reverse("tickets:original", args=[entry.pk])):
        page.goto(path)
        check(page)
    page.goto(reverse("tickets:mailbox"))
    check(page)
    page.locator(".qlist a").first.click()
    page.wait_for_url("**/correio/*/")
    check(page)
    page.get_by_label("Mensagem").fill("Resposta escrita no correio local.")
    page.get_by_role("button", name="Enviar como cliente").click()
    page.wait_for_url("**/correio/")
    assert InboundMessage.objects.count() == 2
