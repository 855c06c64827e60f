"""What a customer reads about the own ticket, and what never stands there (R-026, R-130, A11)."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from helpdesk.people.models import Contact
from tickets import conversation, lifecycle
from tickets.follow_up import join
from tickets.models import Participant
from tickets.models.ticket import Status
from tickets.portal.page import situation_of, steps_of
from tickets.trio import set_trio

pytestmark = pytest.mark.django_db(transaction=True)


def text_of(client: Client, path: str) -> str:
    return client.get(path).content.decode()


def test_page_shows_messages_and_never_a_note(arrive, person, enter, travel):  # R-130, A11
    ticket = arrive(cc="Contador <contador@exato.example>").ticket
    livia = person("livia")
    conversation.reply(ticket, actor=livia, text="Reproduzi a **rejeição** aqui.")
    conversation.add_note(ticket, actor=livia, text="marcador-secreto da nota")
    travel(minutes=2)
    client, path = enter(ticket)
    page = text_of(client, path)
    assert "rejeição 539" in page
    assert "<strong>rejeição</strong>" in page
    assert "marcador-secreto" not in page
    assert "marcador-secreto" not in text_of(client, path + "novidades/")
    assert "\ue000" not in page  # the mark of the mail's own link


def test_reply_that_can_still_be_undone_is_not_shown(arrive, person, enter, travel):
    ticket = arrive().ticket
    livia = person("livia")
    client, path = enter(ticket)
    entry = conversation.reply(ticket, actor=livia, text="enviada cedo demais")
    assert "enviada cedo demais" not in text_of(client, path)
    assert conversation.withdraw(entry, actor=livia)
    travel(minutes=5)
    assert "enviada cedo demais" not in text_of(client, path)
    conversation.reply(ticket, actor=livia, text="agora sim")
    travel(minutes=5)
    assert "agora sim" in text_of(client, path)


def test_trio_comes_first_and_in_the_analysts_words(arrive, person, enter):
    ticket = arrive().ticket
    when = timezone.now() + timedelta(minutes=50)
    set_trio(
        ticket, actor=person("livia"), now="Conferindo a série 2", next_step="Reenviar a nota", when=when
    )
    client, path = enter(ticket)
    page = text_of(client, path)
    assert page.index("Quando") < page.index("Agora") < page.index("Próximo passo")
    assert "Conferindo a série 2" in page
    assert "Reenviar a nota" in page


def test_new_ticket_says_when_the_first_reply_comes(arrive, desk):
    from helpdesk.people.site import site_settings

    ticket = arrive().ticket
    situation = situation_of(ticket, site_settings())
    assert situation.due > ticket.created_at
    assert "até" in situation.when
    assert situation.now == "Recebemos o seu chamado."


@pytest.mark.parametrize("status", Status.values)
def test_every_status_has_plain_words_and_a_step(arrive, desk, status):
    from helpdesk.people.site import site_settings

    ticket = arrive().ticket
    ticket.status = status
    steps = steps_of(ticket)
    assert len([step for step in steps if step.current]) == 1
    assert all(step.done for step in steps) == ticket.finished
    situation = situation_of(ticket, site_settings())
    assert ticket.finished or (situation.now and situation.next_step)


def test_page_speaks_the_customers_language(arrive, enter):
    ticket = arrive().ticket
    Contact.objects.filter(pk=ticket.contact_id).update(language="en")
    client, path = enter(ticket)
    answer = client.get(path, headers={"accept-language": "pt-br"})
    assert "Where your ticket stands" in answer.content.decode()
    assert 'lang="en"' in answer.content.decode()
    assert answer["Content-Language"] == "en"


def test_page_loads_nothing_of_others_and_has_no_inline_code(arrive, enter):  # A03
    ticket = arrive(html='<p style="color:red">oi<img src="https://rastreio.example/p.png"></p>').ticket
    client, path = enter(ticket)
    page = text_of(client, path)
    assert "rastreio.example" not in page
    assert "style=" not in page
    assert "<script>" not in page
    assert "onclick" not in page


def test_page_costs_the_same_for_short_and_long_threads(
    arrive, person, enter, django_assert_num_queries, travel
):
    ticket = arrive(files=(("a.txt", "text/plain", b"oi"),)).ticket
    client, path = enter(ticket)
    # Company, token, participant, first-reply target, the present moment, thread with files.
    with django_assert_num_queries(6):
        client.get(path)
    livia = person("livia")
    for number in range(6):
        conversation.reply(ticket, actor=livia, text=f"resposta {number}")
    travel(minutes=5)
    with django_assert_num_queries(4):
        client.get(path)


def test_long_threads_come_in_pages(arrive, enter, desk):
    ticket = arrive().ticket
    client, path = enter(ticket)
    for number in range(55):
        client.post(path, {"text": f"mensagem número {number:02d}"})
    page = text_of(client, path)
    assert "número 54" in page
    assert "número 03" not in page
    first = page.split("?antes=")[1].split("#")[0]
    older = text_of(client, f"{path}?antes={first}")
    assert "número 03" in older
    for odd in ("x", "-1", "9" * 40, "²"):
        assert client.get(path, {"antes": odd}).status_code == 200


def test_updates_answer_not_modified(arrive, enter):
    ticket = arrive().ticket
    client, path = enter(ticket)
    lifecycle.change_status(ticket, "open", actor=None)
    first = client.get(path + "novidades/")
    assert first.status_code == 200
    assert client.get(path + "novidades/", headers={"if-none-match": first["ETag"]}).status_code == 304


def test_merged_ticket_goes_on_at_the_other_address(arrive, person, enter):  # R-032, A11
    target = arrive().ticket
    stray = arrive(subject="Re: nota", text="ainda sobre a nota 1932").ticket
    client, path = enter(stray)
    stray.possible_follow_up_of = target
    stray.save(update_fields=["possible_follow_up_of"])
    join(stray, actor=person("livia"))
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer["Location"] == reverse("portal:ticket", args=[target.protocol])
    assert "ainda sobre a nota 1932" in text_of(client, answer["Location"])
    Participant.objects.filter(ticket=target).update(removed=True)
    assert client.get(path).status_code == 404
    assert client.get(answer["Location"]).status_code == 404


def test_a_customer_who_types_the_mark_of_a_link_loses_no_word(arrive, enter):  # A04, A22
    client, path = enter(arrive(text="antes \ue000link\ue001 depois. " + "a" * 2000).ticket)
    page = text_of(client, path)
    assert "antes" in page
    assert "depois" in page


@pytest.mark.parametrize("before", ["9" * 5000, "9" * 30, "-1", "²", "1e3"])
def test_a_place_nobody_made_shows_the_newest_page(arrive, enter, before):  # A20, A22
    client, path = enter(arrive().ticket)
    answer = client.get(path, {"antes": before})
    assert answer.status_code == 200


def test_a_stranger_who_was_joined_reads_nothing_of_before(arrive, person, enter):  # A10, A11, R-128 row 4
    ticket = arrive(message_id="raiz@trigal.example", text="segredo de antes").ticket
    stranger = arrive(sender="Estranho <estranho@fora.example>", in_reply_to="raiz@trigal.example").ticket
    client, path = enter(stranger)
    join(stranger, actor=person("paula", "leader"))
    answer = client.get(path, follow=True)
    assert answer.status_code == 404
    assert "segredo de antes" not in answer.content.decode()
    assert ticket.protocol not in answer.content.decode()
