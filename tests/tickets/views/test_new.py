"""A ticket made by hand: written first, or registered; nobody is refused for missing data."""

import email
import email.policy

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from channels_inbox.models import MessageAttachment, OutboundMessage
from helpdesk.people.models import Contact, ContactAddress
from tickets.models import Department, EntryAttachment, ThreadEntry, Ticket

pytestmark = pytest.mark.django_db
KEY = "d" * 32


@pytest.fixture
def values(desk):
    return {
        "name": "Wagner Luz",
        "email": "Wagner@BoaSafra.example",
        "department": Department.objects.get(key="suporte").pk,
        "subject": "PDV não abre",
        "message": "Vamos trocar o cabo amanhã às 9h.",
        "how": "mail",
        "key": KEY,
    }


def test_written_first_it_goes_out_and_waits_for_the_customer(desk_of, values, livia):
    #
    answer = desk_of.post("/novo/", values)
    ticket = Ticket.objects.get()
    assert answer["Location"] == f"/chamados/{ticket.pk}/"
    assert (ticket.status, ticket.assignee, ticket.subject) == ("waiting_customer", livia, "PDV não abre")
    row = OutboundMessage.objects.get()
    assert row.recipient == "wagner@boasafra.example"
    assert ticket.protocol in row.subject


def test_double_click_opens_one(desk_of, values):
    first, again = desk_of.post("/novo/", values), desk_of.post("/novo/", values)
    assert first["Location"] == again["Location"]
    assert Ticket.objects.count() == 1
    assert Contact.objects.count() == 1


def test_request_alone_is_enough(desk_of, values):
    #
    answer = desk_of.post(
        "/novo/", {"message": "Ligou e caiu", "how": "note", "department": values["department"], "key": KEY}
    )
    assert answer.status_code == 302
    ticket = Ticket.objects.get()
    assert ticket.identification_pending
    assert ticket.subject == "Ligou e caiu"
    assert ThreadEntry.objects.get().kind == "note"
    assert not OutboundMessage.objects.exists()


def test_sending_without_address_keeps_what_was_typed(desk_of, values):
    answer = desk_of.post("/novo/", {**values, "email": ""})
    assert answer.status_code == 422
    assert "Vamos trocar o cabo" in answer.content.decode()
    assert not Ticket.objects.exists()


def test_another_department_is_registered_but_not_spoken_for(desk_of, values):
    finance = Department.objects.get(key="financeiro").pk
    assert desk_of.post("/novo/", {**values, "department": finance}).status_code == 422
    assert not Ticket.objects.exists()
    answer = desk_of.post("/novo/", {**values, "department": finance, "how": "note"})
    assert answer["Location"] == "/"
    assert Ticket.objects.get().department_id == finance


def test_known_address_is_the_known_contact(desk_of, values, arrive):
    arrive(sender="Wagner Luz <wagner@boasafra.example>")
    desk_of.post("/novo/", values)
    assert Contact.objects.count() == 1
    assert Ticket.objects.count() == 2


def test_suggestions_need_a_beginning(desk_of, arrive):
    arrive(sender="Marina Prado <marina@trigal.example>")
    assert "marina@trigal.example" in desk_of.get("/novo/contatos/", {"email": "mari"}).content.decode()
    assert "marina@trigal.example" in desk_of.get("/novo/contatos/", {"name": "Marina P"}).content.decode()
    for typed in ("ma", "rina", "trigal", "%%%", "___"):
        assert "marina@trigal.example" not in desk_of.get("/novo/contatos/", {"name": typed}).content.decode()


def test_page_offers_the_own_department_first(desk_of):
    page = desk_of.get("/novo/").content.decode()
    chosen = page[page.index("selected>") + len("selected>") :]
    assert chosen.startswith("Suporte")
    assert ContactAddress.objects.count() == 0


def text_file(name: str = "pedido.txt", content: bytes = b"pedido 1932") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, "text/plain")


def attached() -> list[str]:
    return list(EntryAttachment.objects.order_by("id").values_list("file__name", flat=True))


@pytest.mark.parametrize("how", ["mail", "note"])
def test_files_go_with_the_first_message(desk_of, values, how):
    desk_of.post("/novo/", {**values, "how": how, "files": [text_file(), text_file("foto.txt", b"foto")]})
    assert attached() == ["pedido.txt", "foto.txt"]
    payloads = [bytes(row.payload) for row in OutboundMessage.objects.all()]
    assert [b"pedido.txt" in each for each in payloads] == ([True] if how == "mail" else [])


def kept_in(answer) -> list[str]:
    return [each["signed"] for each in answer.context["kept"]]


def test_refused_form_keeps_its_files(desk_of, values):
    refused = desk_of.post("/novo/", {**values, "email": "", "files": [text_file()]})
    assert refused.status_code == 422
    assert "pedido.txt" in refused.content.decode()
    again = {**values, "email": "", "kept": kept_in(refused), "files": [text_file("foto.txt", b"foto")]}
    refused = desk_of.post("/novo/", again)
    assert len(kept_in(refused)) == 2
    assert desk_of.post("/novo/", {**values, "kept": kept_in(refused)}).status_code == 302
    assert attached() == ["pedido.txt", "foto.txt"]


def test_kept_file_is_the_uploaders_own(desk_of, values, browser, person):
    # A27: another person's signature, a forged one and a plain number give nothing
    kept = kept_in(desk_of.post("/novo/", {**values, "email": "", "files": [text_file()]}))
    number = str(MessageAttachment.objects.get().pk)
    other = browser(person("caio"))
    assert other.post("/novo/", {**values, "kept": [*kept, number, kept[0][:-2]]}).status_code == 302
    assert attached() == []


def test_too_heavy_together_is_said_and_nothing_is_lost(desk_of, values, settings):
    #
    settings.MAX_FILES_BYTES = 15
    answer = desk_of.post("/novo/", {**values, "files": [text_file(), text_file("foto.txt", b"outra foto")]})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Juntos" in page
    assert "pedido.txt" in page
    assert "foto.txt" in page
    assert not Ticket.objects.exists()
    assert desk_of.post("/novo/", {**values, "kept": kept_in(answer)[:1]}).status_code == 302
    assert attached() == ["pedido.txt"]


def test_one_file_too_large_is_named_and_the_others_are_kept(desk_of, values, settings):
    settings.MAX_ATTACHMENT_BYTES = 12
    answer = desk_of.post("/novo/", {**values, "files": [text_file(), text_file("filme.txt", b"x" * 13)]})
    assert answer.status_code == 422
    assert "filme.txt" in answer.content.decode()
    assert [each["name"] for each in answer.context["kept"]] == ["pedido.txt"]


def test_every_refused_field_says_why(desk_of, values):
    page = desk_of.post("/novo/", {**values, "subject": "x" * 256, "name": "y" * 201}).content.decode()
    assert page.count('class="error">') == 2


def test_hostile_names_reach_neither_headers_nor_the_page(desk_of, values):
    # A02, A18: what a browser cannot type but anybody may post
    bad = 'a"\r\nBcc: mau@fora.example\u2028<img src=x onerror=alert(1)>'
    file = SimpleUploadedFile(bad + ".txt", b"x", "text/html\r\nX-Mau: 1")
    answer = desk_of.post("/novo/", {**values, "name": bad, "subject": bad, "files": [file]}, follow=True)
    assert "<img src=x" not in answer.content.decode()
    row = OutboundMessage.objects.get()
    letter = email.message_from_bytes(bytes(row.payload), policy=email.policy.default)
    assert (row.recipient, letter["Bcc"]) == ("wagner@boasafra.example", None)
    (part,) = letter.iter_attachments()
    assert set(part.keys()) == {"Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "MIME-Version"}
    assert part.get_content_type() == "text/plain"
    assert all(mark not in part.get_filename() for mark in ("\r", "\n", "\u2028"))
