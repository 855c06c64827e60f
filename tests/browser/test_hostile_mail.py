"""What strangers write never runs, loads or restyles anything in a browser of ours (A01, A02, A03)."""

import os
import random

import pytest
from playwright.sync_api import Page, expect

from channels_inbox.adapters.email import mail_envelope
from channels_inbox.inbox import process_due, store
from channels_inbox.models import Channel, InboundMessage
from helpdesk.people.models import User
from tests.browser.states import link_to, send_all
from tests.flows.worker import until
from tests.helpdesk.lib.xss_vectors import CANARY, VECTORS
from tests.mails import mail
from tickets.models import ThreadEntry, Ticket

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.needs("chromium"),
    pytest.mark.timeout(900),
]
FAMILIES = sorted({family for family, _html in VECTORS})
SAMPLE = 4  # of each family, always the same ones
PAYLOADS = [
    '"><img src=https://canary.test/1 onerror=alert(1)>',
    "<svg onload=alert(2)>",
    "</title></textarea><script>alert(3)</script>",
    "javascript:alert(4)//{{7*7}}{% now 'Y' %}",
    "' autofocus onfocus=alert(5) x='",
]
# What a page of ours never holds: a handler, a script of its own words, a style, something loaded from elsewhere.
FOREIGN = """() => {
  const found = [];
  const urls = ["src", "href", "action", "data", "poster"];
  for (const each of document.querySelectorAll("*")) {
    for (const { name, value } of each.attributes) {
      const banned = name.startsWith("on") || name === "style" || name === "srcdoc";
      const drives = name.startsWith("hx-") && each.closest(".box, .bubble") && !each.closest(".banner");
      if (banned || drives) found.push(`${each.tagName} ${name}`);
      if (urls.includes(name) && /^\\s*(javascript|data|vbscript):/i.test(value)) found.push(value);
    }
    const source = each.getAttribute("src");
    const own = ["SCRIPT", "STYLE", "OBJECT", "EMBED"].includes(each.tagName) && !source;
    if (own) found.push(each.outerHTML.slice(0, 80));
    if (source && new URL(source, location.href).origin !== location.origin) found.push(source);
  }
  return found;
}"""


def vectors() -> list[tuple[str, str]]:
    """Return the corpus: all of it with --full, a few of each family otherwise."""
    if os.environ.get("HD_FULL"):
        return VECTORS
    dice = random.Random(20261124)
    return [
        each for family in FAMILIES for each in dice.sample([v for v in VECTORS if v[0] == family], SAMPLE)
    ]


@pytest.fixture
def livia(person) -> User:
    return person("livia")


def read_page(watch, page: Page, path: str = "") -> None:
    """Open a page and look for anything that is not ours in it."""
    if path:
        page.goto(path)
    page.locator("body").wait_for()
    found = page.evaluate(FOREIGN)
    watch.trouble += [f"{page.url}: {each}" for each in found]


def poke(page: Page) -> None:
    """Point at, focus and unfold what the mail left in the thread, as a reader may."""
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    page.evaluate(
        """() => { for (const each of document.querySelectorAll(".msg .box *, .bubble *"))
          for (const kind of ["mouseover", "pointerenter", "focus"])
            each.dispatchEvent(new Event(kind, { bubbles: kind === "mouseover" })); }"""
    )


def test_corpus_by_mail(watch, open_as, arrive, livia):
    """Each vector is a message: in the thread, in the list's line, and whole in «ver original»."""
    first = arrive(subject="Corpus", message_id="corpus@trigal.example", html="<p>oi</p>", react=True)
    ticket, channel = first.ticket, Channel.objects.get(key="email-suporte")
    chosen = vectors()
    raws = [
        mail(subject=family, text=f"vetor {number}", html=html, in_reply_to="corpus@trigal.example")
        for number, (family, html) in enumerate(chosen)
    ]
    store(channel, [mail_envelope(raw) for raw in raws])
    while process_due():
        pass
    send_all()
    entries = list(ThreadEntry.objects.filter(ticket=ticket, kind="customer").order_by("id"))
    assert len(entries) == 1 + len(chosen)  # nothing lost for being hostile
    page = open_as(livia)
    read_page(watch, page)
    for path in pages_of_thread(page, f"/chamados/{ticket.pk}/"):
        read_page(watch, page, path)
        poke(page)
    read_page(watch, page)
    for entry in entries[1:]:
        page.goto(f"/mensagens/{entry.pk}/original/")
        read_page(watch, page)
        frame = page.locator("iframe")
        assert (
            frame.get_attribute("sandbox") == "allow-popups allow-popups-to-escape-sandbox"
        )  # no script, no form
        assert frame.get_attribute("srcdoc") is None
    customer = open_as(None, link_to(ticket), phone=True)
    read_page(watch, customer)
    poke(customer)
    read_page(watch, customer)


def pages_of_thread(page: Page, path: str):
    """The open ticket, and every earlier stretch of its thread loaded into it."""
    yield path
    while (earlier := page.locator("[hx-get*='anteriores']")).count():
        before = page.locator("[data-entry]").count()
        earlier.first.click()
        expect(page.locator("[data-entry]")).not_to_have_count(before)
        yield ""


def test_corpus_by_the_help_form(watch, open_as, livia):
    """The same words typed into the form are words, wherever they are shown."""
    everything = "\n".join(html for _family, html in vectors())[:19_000]
    stranger = open_as(None, "/ajuda/", phone=True)
    fields = {
        "subject": PAYLOADS[0],
        "text": everything,
        "name": PAYLOADS[1],
        "email": "estranho@fora.example",
    }
    for name, value in fields.items():
        stranger.fill(f"#{name}", value.replace("\x00", "").replace("\x01", "").replace("\x1f", ""))
    stranger.set_input_files(
        "#files", [{"name": f"{PAYLOADS[1]}.svg", "mimeType": "image/svg+xml", "buffer": b"<svg/>"}]
    )
    stranger.wait_for_timeout(2100)  # faster than that it is a robot's
    stranger.get_by_role("button", name="Abrir chamado").click()
    stranger.wait_for_url("**/recebido/**")
    read_page(watch, stranger)
    while process_due():
        pass
    send_all()
    ticket = Ticket.objects.get()
    assert (ticket.subject, ticket.contact.name) == (PAYLOADS[0], PAYLOADS[1])
    page = open_as(livia)
    for path in ("", f"/chamados/{ticket.pk}/", "/correio/"):
        read_page(watch, page, path)
    customer = open_as(None, link_to(ticket), phone=True)
    read_page(watch, customer)
    expect(customer.locator("h1")).to_have_text(PAYLOADS[0])


def test_names_subjects_and_files(watch, open_as, person, arrive, livia):
    """A02: whoever writes chooses the names; they are shown as written."""
    boss = person("renata", "admin", None)
    User.objects.filter(pk=livia.pk).update(name=PAYLOADS[4])
    tickets = []
    for number, payload in enumerate(PAYLOADS):
        quoted = payload.replace("\\", "").replace('"', '\\"')
        entry = arrive(
            sender=f'"{quoted}" <estranho{number}@fora.example>', cc=f'"{quoted}" <copia{number}@fora.example>',
            subject=payload, text=payload, files=((f"{payload}.html", "text/html", b"<script>alert(6)</script>"),),
        )  # fmt: skip
        tickets.append(entry.ticket)
    channel = Channel.objects.get(key="email-suporte")
    store(channel, [mail_envelope(mail(subject=payload, sender="x@fora.example")) for payload in PAYLOADS])
    InboundMessage.objects.filter(state="new").update(state="dead", last_error=PAYLOADS[0])
    send_all()
    page = open_as(livia)
    for path in ("", "/correio/", *(f"/chamados/{ticket.pk}/" for ticket in tickets)):
        read_page(watch, page, path)
    expect(page.locator("#assunto")).to_have_text(PAYLOADS[-1])
    admin = open_as(boss, "/admin/channels_inbox/inboundmessage/", dark=True)
    read_page(watch, admin)
    for row in InboundMessage.objects.filter(state="dead"):
        read_page(watch, admin, f"/admin/channels_inbox/inboundmessage/{row.pk}/change/")
    for ticket in tickets:
        customer = open_as(None, link_to(ticket), phone=True)
        read_page(watch, customer)


def test_remote_pictures_never_load(watch, open_as, arrive, livia, canary):
    """A03: nobody learns that a mail was opened, not even in «ver original»."""
    remote = "".join(html for family, html in VECTORS if family in ("remote", "style"))
    pictures = "".join(
        f'<img src="{scheme}{CANARY}/{n}.png">' for n, scheme in enumerate(("http://", "https://", "//"))
    )
    entry = arrive(subject="Figuras", html=f"<p>veja</p>{pictures}{remote}")
    send_all()
    page = open_as(livia, f"/chamados/{entry.ticket.pk}/")
    read_page(watch, page)
    page.goto(f"/mensagens/{entry.pk}/original/")
    expect(page.get_by_text("Imagens remotas bloqueadas")).to_be_visible()
    frame = page.frame_locator("iframe").locator("body")
    expect(frame).to_contain_text("veja")
    customer = open_as(None, link_to(entry.ticket), phone=True)
    expect(customer.locator("#thread")).to_contain_text("veja")
    read_page(watch, customer)
    page.wait_for_timeout(500)  # what a page asks for late would be asked for by now
    assert canary.visits == []


def test_the_watch_is_awake(watch, open_as, canary):
    """Both nets hold: what a page tries is told, and what leaves the browser is counted."""
    page = open_as(None, "/conta/entrar/")
    page.evaluate(
        "fetch('http://canary.test/tried', {mode: 'no-cors'}).catch(() => 0)"
    )  # our policy refuses it
    page.evaluate("setTimeout(() => { throw new Error('broken') })")
    page.evaluate("alert('said')")
    for word in ("policy", "console", "script", "dialog"):
        until(lambda word=word: page.title() and [each for each in watch.trouble if each.startswith(word)])
    assert canary.visits == []
    page.goto("http://canary.test/gone", wait_until="commit")
    watch.close()
    assert b"GET /gone" in canary.visits[0]
    watch.trouble.clear()
    canary.visits.clear()
