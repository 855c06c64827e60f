"""The desk in a real browser: the whole path of an answer, by mouse and by key, on a desktop and on a phone."""

import re

import pytest
from playwright.sync_api import Page, expect

from channels_inbox.models import OutboundMessage
from tickets import conversation
from tickets.models import Draft, ThreadEntry, Ticket
from tickets.reactions import react_due

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs("chromium")]


def write(page: Page, text: str) -> None:
    page.locator("[data-composer] textarea").fill(text)


def test_mail_is_read_answered_undone_and_sent(open_desk, livia, ticket):
    page = open_desk(livia)
    page.get_by_role("link", name=re.compile("NF-e rejeitada")).click()
    expect(page).to_have_url(re.compile(rf"/chamados/{ticket.pk}/$"))
    expect(page.locator("#sidebar")).to_contain_text("marina@trigal.example")
    write(page, "Marina, vou **reenviar** a nota.")
    page.locator("[data-composer] textarea").press("Control+Enter")
    expect(page.locator("#toasts")).to_contain_text("Resposta enviada")
    expect(page.locator(".msg.out:not(.pending) strong", has_text="reenviar")).to_be_visible()
    expect(page.locator(f"#ticket-header-{ticket.pk}")).to_contain_text("Aguardando cliente")
    page.locator(".thread").click()
    page.keyboard.press("z")
    expect(page.locator("[data-composer] textarea")).to_have_value("Marina, vou **reenviar** a nota.")
    expect(page.locator(".msg.out:not(.pending)")).to_have_count(0)
    assert OutboundMessage.objects.get(purpose="reply").state == "cancelled"
    page.get_by_role("button", name="Enviar e aguardar").click()
    expect(page.locator(".msg.out:not(.pending)")).to_have_count(1)
    assert ThreadEntry.objects.filter(kind="reply", withdrawn=False).count() == 1


def test_draft_survives_reload_and_back_button_keeps_the_desk(open_desk, livia, ticket):
    page = open_desk(livia, f"/chamados/{ticket.pk}/")
    write(page, "começo de resposta")
    with page.expect_response(lambda answer: answer.url.endswith("/rascunho/") and answer.status == 204):
        page.keyboard.press("End")
    assert Draft.objects.get().text == "começo de resposta"
    page.reload()
    expect(page.locator("[data-composer] textarea")).to_have_value("começo de resposta")
    page.locator(".brand").click()
    page.go_back()
    expect(page.locator("[data-composer] textarea")).to_have_value("começo de resposta")


def test_failed_network_keeps_the_text_and_sends_once_afterwards(open_desk, livia, ticket):
    page = open_desk(livia, f"/chamados/{ticket.pk}/")
    write(page, "texto que não pode sumir")
    page.context.set_offline(True)
    page.get_by_role("button", name="Enviar e aguardar").click()
    expect(page.locator("[data-trouble]")).to_be_visible()
    expect(page.locator("[data-composer] textarea")).to_have_value("texto que não pode sumir")
    expect(page.locator(".msg.pending")).to_have_count(0)
    page.context.set_offline(False)
    page.get_by_role("button", name="Tentar de novo").click()
    expect(page.locator(".msg.out:not(.pending)")).to_have_count(1)
    assert ThreadEntry.objects.filter(kind="reply").count() == 1


def test_ticket_that_does_not_load_says_so_and_loads_later(open_desk, livia, ticket):
    page = open_desk(livia)
    page.context.set_offline(True)
    page.get_by_role("link", name=re.compile("NF-e rejeitada")).click()
    expect(page.locator("#conversation")).to_contain_text("O chamado não carregou")
    page.context.set_offline(False)
    page.get_by_role("button", name="Tentar agora").click()
    expect(page.locator("#assunto")).to_contain_text("NF-e rejeitada")


def test_expired_session_keeps_what_was_typed(open_desk, livia, ticket, session_of, settings):
    page = open_desk(livia, f"/chamados/{ticket.pk}/")
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    write(page, "escrevi sem sessão")
    page.get_by_role("button", name="Enviar e aguardar").click()
    page.wait_for_url(re.compile("next="))
    ((name, value),) = session_of(livia).items()
    page.context.add_cookies([{"name": name, "value": value, "url": page.url.split("/conta")[0]}])
    page.goto(f"{page.url.split('/conta')[0]}/chamados/{ticket.pk}/")
    expect(page.locator("[data-composer] textarea")).to_have_value("escrevi sem sessão")


def test_note_is_yellow_and_says_so(open_desk, livia, ticket):
    page = open_desk(livia, f"/chamados/{ticket.pk}/")
    page.keyboard.press("Shift+N")
    expect(page.locator("[data-composer]")).to_have_class(re.compile(r"\bnote\b"))
    write(page, "só para a equipe")
    page.get_by_role("button", name="Salvar nota").click()
    expect(page.locator(".msg.note")).to_contain_text("só para a equipe")
    assert ThreadEntry.objects.get(kind="note").text == "só para a equipe"


def test_files_go_with_the_answer(open_desk, livia, ticket):
    page = open_desk(livia, f"/chamados/{ticket.pk}/")
    page.locator("[data-file-input]").set_input_files(
        [{"name": "tela.txt", "mimeType": "text/plain", "buffer": b"conteudo"}]
    )
    expect(page.locator("[data-files] .file")).to_contain_text("tela.txt")
    write(page, "segue a tela")
    page.get_by_role("button", name="Enviar e aguardar").click()
    expect(page.locator(".msg.out:not(.pending) .file")).to_contain_text("tela.txt")


def test_send_and_resolve_asks_how_it_ended(open_desk, livia, ticket):
    page = open_desk(livia, f"/chamados/{ticket.pk}/")
    write(page, "Resolvido, obrigado.")
    page.locator("[data-composer] textarea").press("Control+Shift+Enter")
    page.get_by_text("Informação prestada").click()
    page.locator("#resolve").get_by_role("button", name="Resolver").click()
    expect(page.locator(f"#ticket-header-{ticket.pk}")).to_contain_text("Resolvido")
    found = Ticket.objects.get()
    assert (found.status, found.outcome) == ("resolved", "informacao")
    assert ThreadEntry.objects.filter(kind="reply").count() == 1


def test_what_arrived_meanwhile_stops_the_send(open_desk, livia, ticket, arrive):
    #
    page = open_desk(livia, f"/chamados/{ticket.pk}/")
    write(page, "vou reenviar")
    reference = ticket.entries.get(kind="customer").message_id
    arrive(subject="Re", text="Não reenvie", in_reply_to=reference, references=f"<{reference}>", react=False)
    page.get_by_role("button", name="Enviar e aguardar").click()
    dialog = page.locator("#stale")
    expect(dialog).to_contain_text("Não reenvie")
    dialog.get_by_role("button", name="Voltar e ajustar").click()
    expect(page.locator("[data-composer] textarea")).to_have_value("vou reenviar")
    write(page, "não vou reenviar")
    page.get_by_role("button", name="Enviar e aguardar").click()
    expect(page.locator(".msg.out:not(.pending)")).to_have_count(1)
    assert ThreadEntry.objects.get(kind="reply").text == "não vou reenviar"


def test_new_mail_and_a_colleagues_note_appear_without_reload(open_desk, livia, person, ticket, arrive):
    page = open_desk(livia, f"/chamados/{ticket.pk}/")  # at once: the stream may not stand yet
    write(page, "estou escrevendo")
    arrive(sender="Otávio <otavio@horizonte.example>", subject="Boleto errado")
    conversation.add_note(ticket, actor=person("caio"), text="olha a série 2")
    while react_due():
        pass
    expect(page.get_by_text("olha a série 2")).to_be_visible()
    expect(page.locator(".trow", has_text="Boleto errado").first).to_be_visible()
    expect(page.locator("[data-composer] textarea")).to_have_value("estou escrevendo")


def test_what_changed_before_the_stream_stood_appears(open_desk, livia, person, ticket, arrive, served):
    caio, held = person("caio"), []
    page = open_desk(livia, "/favicon.ico")
    page.route("**/live/", lambda route: held.append(route))
    page.goto(f"{served.url}/chamados/{ticket.pk}/")
    write(page, "estou escrevendo")
    conversation.add_note(ticket, actor=caio, text="olha a série 2")
    arrive(sender="Otávio <otavio@horizonte.example>", subject="Boleto errado")
    while react_due():
        pass
    expect(page.get_by_text("olha a série 2")).to_have_count(0)
    held.pop().continue_()
    expect(page.get_by_text("olha a série 2")).to_be_visible()
    expect(page.locator(".trow", has_text="Boleto errado").first).to_be_visible()
    expect(page.locator("[data-composer] textarea")).to_have_value("estou escrevendo")


def test_burst_of_changes_leaves_the_newest_state(open_desk, livia, person, ticket, arrive):
    caio = person("caio")
    page = open_desk(livia, f"/chamados/{ticket.pk}/")
    for number in range(12):  # rail, list, thread and header are asked for at the same time
        conversation.add_note(ticket, actor=caio, text=f"nota {number}.")
        arrive(sender=f"Otávio <otavio{number}@horizonte.example>", subject=f"Boleto {number}.")
        while react_due():
            pass
        page.wait_for_timeout(120)
    for number in range(12):
        expect(page.locator("#thread-scroll").get_by_text(f"nota {number}.")).to_be_visible()
        expect(page.locator(".trow", has_text=f"Boleto {number}.").first).to_be_attached()


def test_two_colleagues_see_each_other_and_who_writes(open_desk, livia, person, ticket):
    #
    caio = person("caio")
    mine = open_desk(livia, f"/chamados/{ticket.pk}/")
    theirs = open_desk(caio, f"/chamados/{ticket.pk}/")
    expect(mine.locator(".presence")).to_have_text(re.compile("Caio está vendo"))
    expect(theirs.locator(".presence")).to_have_text(re.compile("Livia está vendo"))
    write(theirs, "Já estou vendo isso")
    expect(mine.locator(".presence.warn")).to_have_text(re.compile("Caio está escrevendo"))
    write(mine, "Eu também")  # never a lock
    expect(theirs.locator(".presence.warn")).to_have_text(re.compile("Livia está escrevendo"))
    theirs.goto("about:blank")
    expect(mine.locator(".presence")).to_have_count(0)
    expect(mine.locator("[data-composer] textarea")).to_have_value("Eu também")


def test_keys_move_open_take_and_show_the_sheet(open_desk, livia, ticket, arrive):
    arrive(sender="Otávio <otavio@horizonte.example>", subject="Boleto errado")
    page = open_desk(livia)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#assunto")).to_have_text("Boleto errado")
    page.locator(".thread").click()
    page.keyboard.press("a")
    expect(page.locator("[data-take]")).to_have_count(0)
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    expect(page.locator("[data-composer] textarea")).to_be_focused()
    page.keyboard.type("a e ? j")
    expect(page.locator("[data-composer] textarea")).to_have_value("a e ? j")
    assert Ticket.objects.get(subject="Boleto errado").assignee == livia


def test_keys_are_off_for_who_turned_them_off(open_desk, livia, ticket):
    livia.shortcut_keys = False
    livia.save()
    page = open_desk(livia, f"/chamados/{ticket.pk}/")
    page.locator(".thread").click()
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_hidden()


def test_people_departments_and_trio_change_in_place(open_desk, livia, person, ticket):
    person("caio")
    page = open_desk(livia, f"/chamados/{ticket.pk}/")
    header = page.locator(f"#ticket-header-{ticket.pk}")
    header.get_by_title("Responsável").click()
    page.locator("#assignee-menu").get_by_role("button", name="Caio Teste").click()
    expect(header.get_by_title("Responsável")).to_contain_text("Caio")
    header.get_by_title("Editar agora, próximo passo e quando").click()
    page.locator("#trio-next").fill("Reenviar a nota")
    page.locator("#id_when").fill("2031-03-10T10:30")
    header.get_by_role("button", name="Salvar").click()
    expect(header.locator("dl.trio")).to_contain_text("10/03/2031, 10h30")


def test_phone_shows_one_pane_at_a_time(open_desk, livia, ticket):
    page = open_desk(livia, phone=True)
    page.get_by_role("link", name=re.compile("NF-e rejeitada")).click()
    expect(page.locator("#assunto")).to_be_visible()
    expect(page.locator("#ticket-list")).to_be_hidden()
    page.get_by_role("button", name="Painel do cliente").click()
    expect(page.locator("#sidebar")).to_be_visible()
    expect(page.locator("#conversation")).to_be_hidden()
    page.get_by_role("button", name="Voltar à conversa").click()
    page.get_by_role("button", name="Voltar à lista").click()
    expect(page.locator("#ticket-list")).to_be_visible()
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert overflow <= 0


def test_theme_is_remembered(open_desk, livia, ticket):
    page = open_desk(livia)
    page.locator(".me [popovertarget]").last.click()
    page.get_by_role("button", name="Claro ou escuro").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


@pytest.mark.parametrize("phone", [False, True])
def test_no_accessibility_violation(open_desk, livia, ticket, phone):
    from axe_playwright_python.sync_playwright import Axe

    conversation.reply(ticket, actor=livia, text="Segue.")
    conversation.add_note(ticket, actor=livia, text="nota")
    for path in ("/", f"/chamados/{ticket.pk}/", "/novo/", "/perfil/"):
        page = open_desk(livia, path, phone=phone)
        page.wait_for_timeout(300)
        found = Axe().run(page).response["violations"]
        assert [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found] == [], path
