"""The help form and the request for a link: open to anybody, telling nobody anything (R-001, R-003, A15, A23)."""

import email
import email.policy
import re
import time
import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from channels_inbox.inbox import process_due
from channels_inbox.models import InboundMessage, OutboundMessage
from helpdesk.people.models import Contact
from tests.tickets.portal.conftest import link_in
from tickets import lifecycle
from tickets.models import Department, ThreadEntry, Ticket
from tickets.portal import forms
from tickets.reactions import react_due

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _people_are_quick(monkeypatch):
    monkeypatch.setattr(forms, "LEAST_SECONDS", -1)


def fill(client: Client | None = None, **changes):
    client = client or Client()
    values = {
        "name": "Joana Lima",
        "email": "Joana@Padaria.example",
        "department": Department.objects.get(key="financeiro").pk,
        "subject": "Segunda via",
        "text": "Preciso da segunda via de outubro.",
        "key": uuid.uuid4().hex,
        "stamp": forms.new_stamp(),
        **changes,
    }
    return client.post(reverse("portal:submit"), values)


def work():
    while process_due() or react_due():
        pass


def sent(row: OutboundMessage):
    return email.message_from_bytes(bytes(row.payload), policy=email.policy.default)


def test_form_opens_a_ticket_in_the_chosen_department(desk):
    answer = fill(files=[SimpleUploadedFile("print.txt", b"linha")])
    assert answer.status_code == 302
    ticket = Ticket.objects.get()
    assert (ticket.department.key, ticket.channel.kind, ticket.subject) == (
        "financeiro",
        "portal",
        "Segunda via",
    )
    assert ticket.contact.name == "Joana Lima"
    assert ticket.contact.addresses.get().value == "joana@padaria.example"
    assert ticket.entries.get().attachments.get().file.name == "print.txt"
    assert ticket.identification_pending


def test_thanks_show_the_number_and_nothing_else(arrive):  # A23
    before = arrive(sender="Joana <joana@padaria.example>", subject="assunto de antes").ticket
    answer = fill()
    page = Client().get(answer["Location"]).content.decode()
    assert Ticket.objects.latest("id").protocol in page
    assert before.protocol not in page
    assert "assunto de antes" not in page
    assert "/t/" not in page
    assert "/acompanhar/26" not in page
    assert Client().get(reverse("portal:received"), {"r": "26-1"}).status_code == 302


def test_confirmation_is_neutral_and_leads_to_the_ticket(desk):  # R-019, A04, A23
    fill(
        name="Compre em http://golpe.example",
        subject="Ganhe já http://golpe.example",
        text="spam http://golpe.example",
    )
    work()
    mail = sent(OutboundMessage.objects.get())
    ticket = Ticket.objects.get()
    assert "golpe" not in mail.as_string()
    assert mail["Subject"] == f"Chamado {ticket.protocol}"
    assert "financeiro@" in mail["From"]
    assert mail["Auto-Submitted"] == "auto-replied"
    text = mail.get_body(("plain",)).get_content()
    assert ticket.protocol in text
    assert Client().get(link_in(OutboundMessage.objects.get()))["Location"].endswith(f"/{ticket.protocol}/")


def test_confirmations_are_capped_for_one_address(desk):  # A23
    for _ in range(5):
        fill()
    work()
    assert OutboundMessage.objects.count() == 3
    answer = fill(text="a sexta não se perde")
    assert answer.status_code == 429
    assert "a sexta não se perde" in answer.content.decode()
    assert fill(email="outra@padaria.example").status_code == 302


def test_one_peer_cannot_flood(desk):
    answers = [fill(email=f"p{number}@padaria.example").status_code for number in range(31)]
    assert answers == [302] * 30 + [429]


def test_same_key_twice_is_one_ticket(desk):
    key = uuid.uuid4().hex
    assert fill(key=key)["Location"] is not None
    assert fill(key=key).status_code == 302
    assert Ticket.objects.count() == 1


@pytest.mark.parametrize("change", [{"website": "x"}, {"stamp": ""}, {"stamp": "forged:1:2"}])
def test_robots_write_nothing_and_people_lose_nothing(desk, change):
    answer = fill(**change)
    assert answer.status_code == 422
    assert "Preciso da segunda via" in answer.content.decode()
    assert Ticket.objects.count() == 0


def test_form_filled_in_no_time_is_asked_again(desk, monkeypatch):
    monkeypatch.setattr(forms, "LEAST_SECONDS", 2)
    stamp = forms.new_stamp()
    assert fill(stamp=stamp).status_code == 422
    deadline = time.monotonic() + 10
    while fill(stamp=stamp).status_code == 422 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert Ticket.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "sem arroba"),
        ("text", ""),
        ("name", ""),
        ("subject", "a\x00b"),
        ("department", "999999"),
        ("email", "suporte@presteza.example"),
    ],
)
def test_wrong_fields_are_named_and_the_rest_stays(desk, field, value):
    answer = fill(**{field: value})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'class="error"' in page
    assert "Segunda via" in page or field == "subject"
    assert Ticket.objects.count() == 0


def test_unknown_fields_change_nothing(desk):  # A09
    fill(status="closed", protocol="99-1", priority="critica", assignee=1, held="on")
    ticket = Ticket.objects.get()
    assert (ticket.status, ticket.priority, ticket.assignee, ticket.held) == ("new", "normal", None, False)


def test_form_speaks_english(desk):
    client = Client(headers={"accept-language": "en"})
    assert "What happened?" in client.get(reverse("portal:submit")).content.decode()
    fill(client)
    assert Contact.objects.get().language == "en"
    work()
    assert sent(OutboundMessage.objects.get())["Subject"].startswith("Ticket ")


def test_form_costs_few_statements(desk, django_assert_num_queries):
    with django_assert_num_queries(2):  # company, departments
        Client().get(reverse("portal:submit"))


def ask(address: str, **more):
    return Client().post(reverse("portal:renew"), {"email": address, **more})


def test_link_goes_only_to_the_known_address(arrive):  # R-130, A15
    ticket = arrive().ticket
    OutboundMessage.objects.all().delete()
    known, unknown = ask("Marina@trigal.example"), ask("ninguem@trigal.example")
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert InboundMessage.objects.filter(channel__kind="portal").count() == 2
    work()
    row = OutboundMessage.objects.get()
    assert row.recipient == "marina@trigal.example"
    assert sent(row)["Subject"] == f"Chamado {ticket.protocol}"
    assert Client().get(link_in(row)).status_code == 302
    assert set(InboundMessage.objects.values_list("state", flat=True)) == {"done", "ignored"}


def test_known_and_unknown_cost_the_same_statements(arrive, django_assert_num_queries):  # A15
    arrive()
    ask("aquece@trigal.example")
    for address in ("marina@trigal.example", "ninguem@trigal.example"):
        with django_assert_num_queries(7):
            ask(address)


def test_requests_are_capped_and_say_the_same(arrive):  # A23
    arrive()
    OutboundMessage.objects.all().delete()
    answers = [ask("marina@trigal.example") for _ in range(6)]
    assert {answer["Location"] for answer in answers} == {reverse("portal:renew") + "?pedido=1"}
    work()
    assert OutboundMessage.objects.count() <= 3


def test_named_ticket_comes_when_it_is_the_contacts_own(arrive, travel):
    mine, later = arrive().ticket, arrive(subject="mais nova").ticket
    foreign = arrive(sender="Otávio <otavio@trigal.example>").ticket
    OutboundMessage.objects.all().delete()
    ask("marina@trigal.example", protocol=mine.protocol)
    work()
    assert mine.protocol in sent(OutboundMessage.objects.latest("id"))["Subject"]
    travel(hours=2)
    ask("marina@trigal.example", protocol=foreign.protocol)
    work()
    assert later.protocol in sent(OutboundMessage.objects.latest("id"))["Subject"]


def test_no_link_for_people_in_copy_held_or_outlived_tickets(arrive, travel):  # A11, R-128
    ticket = arrive(cc="Contador <contador@exato.example>").ticket
    OutboundMessage.objects.all().delete()
    ask("contador@exato.example")
    work()
    assert OutboundMessage.objects.count() == 0
    Ticket.objects.update(held=True)
    ask("marina@trigal.example")
    work()
    Ticket.objects.update(held=False)
    lifecycle.change_status(ticket, "resolved", actor=None)
    lifecycle.change_status(ticket, "closed", actor=None)
    travel(days=181)
    ask("marina@trigal.example")
    work()
    assert OutboundMessage.objects.count() == 0
    assert ThreadEntry.objects.filter(kind="auto").count() == 1


def test_forms_need_the_forgery_token(desk):  # A28
    client = Client(enforce_csrf_checks=True)
    assert fill(client).status_code == 403
    assert client.post(reverse("portal:renew"), {"email": "a@b.example"}).status_code == 403


def test_pages_say_what_the_browser_must_keep_to_itself(desk):
    for name in ("portal:submit", "portal:renew"):
        answer = Client().get(reverse(name))
        assert answer["Referrer-Policy"] == "no-referrer"
        # Under the bare header forms would be posted with "Origin: null", which the forgery check refuses.
        assert '<meta name="referrer" content="same-origin">' in answer.content.decode()
        assert not re.search(r'(?:src|href)="(?:https?:)?//', answer.content.decode())


def test_one_key_with_two_addresses_is_two_tickets_and_no_error(desk):  # A23: the other's ticket stays unseen
    key = uuid.uuid4().hex
    assert fill(key=key, email="errado@padaria.example").status_code == 302
    assert fill(key=key).status_code == 302
    assert fill(key=key).status_code == 302
    assert Ticket.objects.count() == 2
