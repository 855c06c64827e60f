"""What the desk's pages look like and do by themselves in a real browser: clocks, narrow panes, the attach control."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tickets.models import EntryAttachment, Ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs("chromium")]
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 64


def promise(ticket: Ticket, **left: float) -> None:
    Ticket.objects.filter(pk=ticket.pk).update(
        unanswered=False, waiting_since=None, when=timezone.now() + timedelta(**left)
    )


def test_how_long_somebody_waits_goes_on_without_a_request(open_desk, livia, ticket):
    page = open_desk(livia, clock=True)
    clock = page.locator(f"#ticket-row-{ticket.pk} .sla")
    expect(clock.locator("[data-said]")).to_have_text("1 min")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.fast_forward(10 * 60_000)
    expect(clock.locator("[data-said]")).to_have_text("10 min")
    expect(clock).to_have_attribute("title", "Espera nossa resposta há 10 min")
    page.clock.fast_forward(3 * 3600_000)
    expect(clock.locator("[data-said]")).to_have_text("3 h")
    assert [url for url in asked if "/live/" not in url] == []


def test_ring_of_a_promise_runs_down_and_turns_over(open_desk, livia, ticket):
    promise(ticket, hours=2, minutes=10)
    page = open_desk(livia, clock=True)
    clock = page.locator(f"#ticket-row-{ticket.pk} .sla")
    expect(clock).to_contain_text("faltam 2 h")
    page.clock.fast_forward(30 * 60_000)
    expect(clock).to_contain_text("faltam 1 h")
    expect(clock.locator(".ring.warn")).to_have_count(1)
    page.clock.fast_forward(2 * 3600_000)
    expect(clock).to_contain_text("há 20 min")
    expect(clock.locator(".ring.over path")).to_have_count(1)


@pytest.mark.parametrize("left", [{"days": 3}, {"minutes": 100}, {"minutes": 20}, {"minutes": -90}])
def test_browser_and_server_say_the_same(open_desk, livia, ticket, left):
    promise(ticket, **left, seconds=30)
    page = open_desk(livia, f"/chamados/{ticket.pk}/", clock=True)
    shown = "() => [...document.querySelectorAll('[data-due]')].map((element) => element.outerHTML)"
    before = page.evaluate(shown)
    assert len(before) == 2  # the row and the trio
    page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    assert page.evaluate(shown) == before


def width_of(page: Page, selector: str) -> float:
    box = page.locator(selector).bounding_box()
    return box["width"] if box else 0


def test_department_is_named_in_a_narrow_pane_and_the_header_stays_one_line(open_desk, livia, ticket):
    page = open_desk(livia, f"/chamados/{ticket.pk}/")
    expect(page.locator("#sidebar")).to_contain_text("marina@trigal.example")
    assert width_of(page, "#conversation") < 600
    name = page.locator(".top .first > span")
    expect(name).to_have_text("Suporte")
    assert name.evaluate("element => element.clientWidth > 0 && element.scrollWidth <= element.clientWidth")
    for width in (1440, 1180, 1000, 390):
        page.set_viewport_size({"width": width, "height": 844})
        line = page.locator("#conversation > header .top")
        assert line.bounding_box()["height"] < 50, width
        assert line.evaluate("element => element.scrollWidth <= element.clientWidth"), width


def test_who_gets_the_answer_is_said_in_one_line_on_a_phone(open_desk, livia, arrive):
    ticket = arrive(cc="Contador <contador@exato.example>").ticket
    page = open_desk(livia, f"/chamados/{ticket.pk}/", phone=True)
    expect(page.get_by_role("checkbox", name="Para Marina e quem está em cópia")).to_be_checked()
    assert page.locator(".composer .head").bounding_box()["height"] < 50


def drop(page: Page, name: str, size: int) -> None:
    page.evaluate(
        """([name, size]) => {
            const carried = new DataTransfer();
            carried.items.add(new File(["x".repeat(size)], name, { type: "text/plain" }));
            const options = { dataTransfer: carried, bubbles: true, cancelable: true };
            document.querySelector("[data-attach-box]").dispatchEvent(new DragEvent("drop", options));
        }""",
        [name, size],
    )


@pytest.mark.parametrize("phone", [False, True])
def test_new_ticket_takes_files_chosen_and_dropped(open_desk, livia, settings, phone):
    settings.MAX_FILES_BYTES = 2000
    page = open_desk(livia, "/novo/", phone=phone)
    page.get_by_label("Mensagem", exact=True).fill("Segue o pedido.")
    page.locator("#files").set_input_files([{"name": "foto.png", "mimeType": "image/png", "buffer": PNG}])
    drop(page, "pedido.txt", 500)
    drop(page, "sobra.txt", 10)
    drop(page, "filme.txt", 1990)
    expect(page.locator("[data-refused]")).to_contain_text("filme.txt não entrou: juntos")
    page.get_by_role("button", name="Tirar sobra.txt").click()
    expect(page.locator("[data-names] .file")).to_have_count(2)
    page.get_by_role("button", name="Abrir chamado").click()
    expect(page.get_by_text("Para enviar, diga o e-mail.")).to_be_visible()
    expect(page.locator("[data-names] .file")).to_have_count(2)
    page.get_by_label("E-mail", exact=True).fill("wagner@boasafra.example")
    page.get_by_role("button", name="Abrir chamado").click()
    expect(page.locator("#conversation .msg .files")).to_contain_text("pedido.txt")
    assert set(EntryAttachment.objects.values_list("file__name", flat=True)) == {"foto.png", "pedido.txt"}
