"""The open ticket: what stands on the page, in which order, and what stays hidden."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tickets import conversation
from tickets.models import EntryDelivery, ThreadEntry, TicketRead

pytestmark = pytest.mark.django_db


def text_of(answer) -> str:
    assert answer.status_code == 200
    return answer.content.decode()


def test_page_shows_mail_automatic_text_and_what_happened(ticket, desk_of):
    page = text_of(desk_of.get(f"/chamados/{ticket.pk}/"))
    assert ticket.protocol in page
    assert "rejeição 539" in page
    assert "abriu o chamado" in page
    assert 'class="msg card-msg in"' in page
    assert "Texto automático" in page


@pytest.mark.parametrize(
    "path", ["", "conversa/", "mensagens/", "contexto/", "cabecalho/", "trio/editar/", "responsavel/opcoes/"]
)
def test_foreign_and_absent_tickets_are_the_same_404(arrive, desk_of, path):
    # A07
    foreign = arrive(department="financeiro").ticket
    assert desk_of.get(f"/chamados/{foreign.pk}/{path}").status_code == 404
    assert desk_of.get(f"/chamados/999999/{path}").status_code == 404
    assert desk_of.get(f"/chamados/{2**70}/{path}").status_code == 404


def test_page_costs_at_most_twelve_statements_whatever_the_length(arrive, desk_of, livia):
    ticket = arrive().ticket
    desk_of.get(f"/chamados/{ticket.pk}/")
    spent = []
    for number in (1, 12):
        for n in range(number):
            conversation.add_note(ticket, actor=livia, text=f"nota {n}")
            conversation.reply(ticket, actor=livia, text=f"resposta {n}")
        with CaptureQueriesContext(connection) as captured:
            text_of(desk_of.get(f"/chamados/{ticket.pk}/"))
        spent.append(len(captured))
    assert spent[0] == spent[1] <= 12, [query["sql"][:100] for query in captured]


def test_opening_marks_read_for_this_person_only(ticket, desk_of, livia):
    desk_of.get(f"/chamados/{ticket.pk}/conversa/")
    ticket.refresh_from_db()
    assert TicketRead.objects.get().entry_id == ticket.last_entry_id
    assert TicketRead.objects.get().user == livia


def test_note_cannot_be_mistaken_for_a_reply(ticket, desk_of, livia):
    conversation.add_note(ticket, actor=livia, text="só entre nós")
    page = text_of(desk_of.get(f"/chamados/{ticket.pk}/conversa/"))
    note = page[page.index('<article class="msg note"') :]
    assert "nota interna" in note[: note.index("</article>")]
    assert "só entre nós" in note[: note.index("</article>")]


def test_long_conversations_come_in_pages_of_fifty(ticket, desk_of, livia):
    for n in range(70):
        ThreadEntry.objects.create(ticket=ticket, kind="note", author=livia, text=f"nota número {n:02d}.")
    page = text_of(desk_of.get(f"/chamados/{ticket.pk}/conversa/"))
    assert "nota número 69." in page
    assert "nota número 10." not in page
    start = page.index("?before=") + len("?before=")
    before = page[start : page.index('"', start)]
    earlier = text_of(desk_of.get(f"/chamados/{ticket.pk}/mensagens/anteriores/?before={before}"))
    assert "nota número 10." in earlier
    assert "nota número 69." not in earlier
    assert page.count("data-entry=") == 50
    assert earlier.count("data-entry=") == 22


def test_thread_since_shows_everything_that_is_on_screen(ticket, desk_of, livia):
    first = ticket.entries.order_by("id").first()
    conversation.add_note(ticket, actor=livia, text="chegou agora")
    page = text_of(desk_of.get(f"/chamados/{ticket.pk}/mensagens/?since={first.pk}"))
    assert page.startswith(f'<div id="thread-{ticket.pk}"')
    assert "rejeição 539" in page
    assert "chegou agora" in page


def test_mail_html_stands_clean_and_text_is_escaped(arrive, desk_of):
    # A01
    ticket = arrive(
        html="<p>Olá <b>vocês</b><script>alert(1)</script><img src=x onerror=alert(2)></p>"
    ).ticket
    page = text_of(desk_of.get(f"/chamados/{ticket.pk}/conversa/"))
    assert "<b>vocês</b>" in page
    assert "alert(1)" not in page
    assert "onerror" not in page
    plain = arrive(text="a <b>b</b> <script>alert(3)</script>", sender="x@trigal.example").ticket
    page = text_of(desk_of.get(f"/chamados/{plain.pk}/conversa/"))
    assert "&lt;script&gt;alert(3)" in page


def test_unverified_sender_is_said(ticket, desk_of):
    ThreadEntry.objects.filter(ticket=ticket, kind="customer").update(held=True)
    assert "Remetente não verificado" in text_of(desk_of.get(f"/chamados/{ticket.pk}/conversa/"))


@pytest.mark.parametrize(
    ("state", "receipt", "words"),
    [
        ("sent", "", "Enviada"),
        ("sent", "read", "Lida"),
        ("failed", "", "não foi enviada"),
        ("uncertain", "", "Chegou"),
        ("sent", "bounced", "Voltou de"),
    ],
)
def test_delivery_state_stands_on_the_reply(ticket, desk_of, livia, state, receipt, words):
    entry = conversation.reply(ticket, actor=livia, text="Segue a resposta.")
    row = EntryDelivery.objects.get(entry=entry).outbound
    row.state, row.receipt, row.attempts = state, receipt, 1
    row.save()
    page = text_of(desk_of.get(f"/chamados/{ticket.pk}/conversa/"))
    out = page[page.index('class="msg card-msg out"') :]
    assert words in out[: out.index("</article>")]


def test_history_hides_what_belongs_to_other_departments(arrive, desk_of):
    # exactly protocol, date, department and status
    ticket = arrive(subject="Primeiro pedido").ticket
    hidden = arrive(subject="Boleto secreto", department="financeiro", text="segredo do boleto").ticket
    shown = arrive(subject="Segundo pedido", text="outra coisa").ticket
    aside = text_of(desk_of.get(f"/chamados/{ticket.pk}/contexto/"))
    assert "Segundo pedido" in aside
    assert f"/chamados/{shown.pk}/" in aside
    assert hidden.protocol in aside
    assert "Financeiro" in aside
    assert "Boleto secreto" not in aside
    assert "segredo" not in aside
    assert f"/chamados/{hidden.pk}/" not in aside


def test_context_costs_the_same_whatever_it_holds(arrive, desk_of):
    ticket = arrive().ticket
    desk_of.get(f"/chamados/{ticket.pk}/contexto/")
    spent = []
    for number in (1, 4):
        for n in range(number):
            arrive(subject=f"Pedido {number}{n}", cc=f"Pessoa <p{number}{n}@exato.example>")
        reference = ticket.entries.filter(kind="customer").first().message_id
        copies = ", ".join(f"c{number}{n}@exato.example" for n in range(number))
        arrive(subject="Re", in_reply_to=reference, references=f"<{reference}>", cc=copies)
        with CaptureQueriesContext(connection) as captured:
            text_of(desk_of.get(f"/chamados/{ticket.pk}/contexto/"))
        spent.append(len(captured))
    assert spent[0] == spent[1] <= 12


def test_status_menu_offers_only_moves_that_exist(ticket, desk_of):
    # R-006, D.8
    page = text_of(desk_of.get(f"/chamados/{ticket.pk}/cabecalho/"))
    assert '"to":"waiting_customer"' in page
    assert '"to":"closed"' not in page
    assert '"to":"return_to_confirm"' not in page


def test_reader_without_right_to_reply_gets_no_dead_button(ticket, browser, person):
    developer = person("dora", "developer", "suporte")
    page = text_of(browser(developer).get(f"/chamados/{ticket.pk}/"))
    assert "data-take" not in page
    assert 'data-kind="reply"' not in page
    assert 'data-kind="note"' in page
    assert 'data-resolve="header"' not in page
