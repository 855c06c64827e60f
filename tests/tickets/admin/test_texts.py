"""System texts: an unknown variable is refused at save, the preview shows what a customer reads (R-131)."""

import pytest
from django.urls import reverse

from tests.tickets.admin.conftest import enter
from tickets.admin.texts import sample_values
from tickets.models import Department, SystemText, Ticket
from tickets.placeholders import check
from tickets.system_texts import find_texts, values_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def text(desk) -> SystemText:
    return SystemText.objects.get(key="auto_padrao", language="pt-br")


def save(room, text, words):
    return room.post(reverse("admin:tickets_systemtext_change", args=[text.pk]), {"text": words, "key": "x"})


def test_a_text_is_changed_and_its_place_stays(room, text):
    assert save(room, text, "Recebemos. Protocolo {{ticket.protocol}}.").status_code == 302
    text.refresh_from_db()
    assert (text.key, text.text) == ("auto_padrao", "Recebemos. Protocolo {{ticket.protocol}}.")


@pytest.mark.parametrize(
    "bad", ["{{ticket.__class__}}", "{{nada}}", "{% now 'Y' %}", "[[if churn_risk]]x", "{{ 7*7 }}"]
)
def test_an_unknown_variable_is_an_error_at_save(room, text, bad):
    before = text.text
    answer = save(room, text, f"Olá {bad}")
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors["text"]
    text.refresh_from_db()
    assert text.text == before


def test_a_department_gets_a_text_of_its_own_and_loses_it(room, text):
    support = Department.objects.get(key="suporte")
    form = {"key": "auto_padrao", "language": "pt-br", "department": str(support.pk), "text": "Suporte aqui."}
    assert room.post(reverse("admin:tickets_systemtext_add"), form).status_code == 302
    assert room.post(reverse("admin:tickets_systemtext_add"), form).status_code == 200  # once
    assert find_texts(["auto_padrao"], department=support, language="pt-br") == {
        "auto_padrao": "Suporte aqui."
    }
    own = SystemText.objects.get(department=support)
    assert (
        room.post(reverse("admin:tickets_systemtext_delete", args=[own.pk]), {"post": "yes"}).status_code
        == 302
    )
    assert (
        room.post(reverse("admin:tickets_systemtext_delete", args=[text.pk]), {"post": "yes"}).status_code
        == 403
    )


def test_the_preview_fills_samples_and_escapes(room, text, person):
    url = reverse("admin:tickets_systemtext_preview")
    shown = room.post(url, {"text": "<b>{{contact.first_name}}</b> {{ticket.protocol}}", "language": "en"})
    assert "&lt;b&gt;Marina&lt;/b&gt; 26-4821" in shown.content.decode()
    assert "nada" in room.post(url, {"text": "{{nada}}"}).content.decode()
    assert room.get(url).status_code == 405
    assert enter(person("dora", "dpo", None)).post(url, {"text": "x"}).status_code == 403


def test_the_samples_are_exactly_what_real_mails_fill_in(room, arrive):
    arrive()
    ticket = Ticket.objects.select_related("department").get()
    real = set(values_for(ticket, contact=ticket.contact, channel=ticket.channel)) | {"channel.last_inbound"}
    assert set(sample_values()) == real
    for name in sample_values():
        check("{{" + name + "}}")
    page = room.get(
        reverse("admin:tickets_systemtext_change", args=[SystemText.objects.first().pk])
    ).content.decode()
    assert "{{ticket.protocol}}" in page
