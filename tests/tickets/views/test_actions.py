"""What people do to a ticket by a click: only what the table of moves and their rights allow."""

import pytest

from channels_inbox.models import OutboundMessage
from helpdesk.people.models import Contact, Organization
from tickets import conversation
from tickets.models import Department, EntryDelivery, Participant, Ticket, TicketEvent, TrackingToken
from tickets.tracking import mint_link

pytestmark = pytest.mark.django_db


@pytest.fixture
def url(ticket):
    return f"/chamados/{ticket.pk}"


def test_status_moves_along_the_table_only(ticket, desk_of, url):
    # R-006, D.8
    assert desk_of.post(f"{url}/situacao/", {"to": "closed"}).status_code == 409
    assert Ticket.objects.get().status == "new"
    answer = desk_of.post(f"{url}/situacao/", {"to": "resolved", "outcome": "informacao"})
    assert answer.status_code == 200
    assert Ticket.objects.get().outcome == "informacao"
    assert answer.content.decode().strip().startswith(f'<header id="ticket-header-{ticket.pk}"')
    assert desk_of.post(f"{url}/situacao/", {"to": "nonsense"}).status_code == 422


def test_developer_may_read_and_not_resolve(ticket, browser, person, url):
    developer = browser(person("dora", "developer", "suporte"))
    assert developer.get(f"{url}/").status_code == 200
    assert developer.post(f"{url}/situacao/", {"to": "resolved"}).status_code == 403
    assert Ticket.objects.get().status == "new"


def test_take_give_and_leave(ticket, desk_of, url, livia, person):
    caio, stranger = person("caio"), person("bia", "agent", "financeiro")
    desk_of.post(f"{url}/responsavel/", {"to": "me"})
    assert Ticket.objects.get().assignee == livia
    desk_of.post(f"{url}/responsavel/", {"to": caio.pk})
    assert Ticket.objects.get().assignee == caio
    assert desk_of.post(f"{url}/responsavel/", {"to": stranger.pk}).status_code == 403
    assert desk_of.post(f"{url}/responsavel/", {"to": 999999}).status_code == 404
    desk_of.post(f"{url}/responsavel/", {"to": ""})
    assert Ticket.objects.get().assignee is None
    menu = desk_of.get(f"{url}/responsavel/opcoes/").content.decode()
    assert "Caio Teste" in menu
    assert "Bia Teste" not in menu


def test_moving_needs_the_right_on_both_sides(ticket, desk_of, url, person):
    # A08
    finance = Department.objects.get(key="financeiro")
    assert desk_of.post(f"{url}/setor/", {"to": finance.pk}).status_code == 403
    assert Ticket.objects.get().department.key == "suporte"
    assert "Financeiro" not in desk_of.get(f"{url}/setor/opcoes/").content.decode()
    person("livia", "agent", "financeiro")
    assert desk_of.post(f"{url}/setor/", {"to": finance.pk}).status_code == 200
    assert Ticket.objects.get().department == finance


def test_trio_is_typed_in_the_companys_zone(ticket, desk_of, url):
    #
    values = {"now": "Série 2 em correção", "next_step": "Reenviar", "when": "2031-03-10T10:30"}
    page = desk_of.post(f"{url}/trio/", values).content.decode()
    found = Ticket.objects.get()
    assert found.when.isoformat() == "2031-03-10T13:30:00+00:00"
    assert "Série 2 em correção" in page
    assert "10h30" in page
    form = desk_of.get(f"{url}/trio/editar/").content.decode()
    assert 'value="2031-03-10T10:30"' in form
    assert desk_of.post(f"{url}/trio/", {"when": "amanhã cedo"}).status_code == 422
    assert desk_of.post(f"{url}/trio/", {"now": "x", "status": "closed"}).status_code == 400


def test_possible_follow_up_is_joined_kept_apart_and_reconsidered(arrive, desk_of, person):
    #
    first = arrive().ticket
    reference = first.entries.get(kind="customer").message_id
    other = arrive(
        sender="Wagner <wagner@trigal.example>",
        subject="Re: NF-e",
        in_reply_to=reference,
        references=f"<{reference}>",
    ).ticket
    assert other.possible_follow_up_of_id == first.pk
    url = f"/chamados/{other.pk}"
    assert f"Parece continuar o {first.protocol}" in desk_of.get(f"{url}/").content.decode()
    assert "Mantido separado" in desk_of.post(f"{url}/continuacao/", {"decision": "apart"}).content.decode()
    assert "Parece continuar" in desk_of.post(f"{url}/continuacao/", {"decision": "undo"}).content.decode()
    answer = desk_of.post(f"{url}/continuacao/", {"decision": "join"})
    assert answer["HX-Redirect"] == f"/chamados/{first.pk}/"
    assert Ticket.objects.get(pk=other.pk).merged_into_id == first.pk
    assert desk_of.post(f"{url}/continuacao/", {"decision": "join"}).status_code == 409


def test_proposal_shows_nothing_of_a_hidden_ticket(arrive, desk_of):
    hidden = arrive(department="financeiro", subject="Folha de pagamento").ticket
    ticket = arrive(sender="b@trigal.example").ticket
    Ticket.objects.filter(pk=ticket.pk).update(possible_follow_up_of=hidden)
    page = desk_of.get(f"/chamados/{ticket.pk}/").content.decode()
    assert f"/chamados/{hidden.pk}/" not in page
    assert "Parece continuar" not in page
    assert "Folha" not in page


def test_links_are_cancelled_together(ticket, desk_of, url):
    #
    mint_link(ticket, ticket.contact)
    assert desk_of.post(f"{url}/links/cancelar/").status_code == 200
    assert not TrackingToken.objects.filter(revoked_at=None).exists()
    assert TicketEvent.objects.filter(kind="links_revoked").count() == 1


@pytest.mark.parametrize(
    ("state", "decision", "after"),
    [("uncertain", "arrived", "sent"), ("uncertain", "again", "queued"), ("failed", "again", "queued")],
)
def test_uncertain_and_failed_messages_are_settled_by_a_person(
    ticket, desk_of, url, livia, state, decision, after
):
    conversation.reply(ticket, actor=livia, text="Segue.")
    delivery = EntryDelivery.objects.get(entry__kind="reply")
    OutboundMessage.objects.filter(pk=delivery.outbound_id).update(state=state)
    assert desk_of.post(f"{url}/entregas/{delivery.pk}/", {"decision": decision}).status_code == 200
    assert OutboundMessage.objects.get(pk=delivery.outbound_id).state == after
    assert desk_of.post(f"{url}/entregas/{delivery.pk}/", {"decision": "arrived"}).status_code == 409


def test_delivery_of_another_ticket_is_absent(ticket, arrive, desk_of, url):
    foreign = arrive(department="financeiro").ticket
    delivery = EntryDelivery.objects.filter(entry__ticket=foreign).first()
    assert desk_of.post(f"{url}/entregas/{delivery.pk}/", {"decision": "again"}).status_code == 404


def test_copies_are_removed_one_by_one(arrive, desk_of):
    #
    ticket = arrive(cc="Contador <contador@exato.example>").ticket
    copied = Participant.objects.get(kind="copied")
    requester = Participant.objects.get(kind="requester")
    url = f"/chamados/{ticket.pk}"
    assert "contador@exato.example" in desk_of.get(f"{url}/contexto/").content.decode()
    assert desk_of.post(f"{url}/copias/{requester.pk}/remover/").status_code == 404
    aside = desk_of.post(f"{url}/copias/{copied.pk}/remover/").content.decode()
    assert "contador@exato.example" not in aside
    assert Participant.objects.get(pk=copied.pk).removed


def test_identifying_takes_the_mark_away(ticket, desk_of, url):
    # the flag clears when the three fields exist
    assert Ticket.objects.get().identification_pending
    desk_of.post(f"{url}/identificar/", {"name": "Marina Prado", "organization": ""})
    assert Ticket.objects.get().identification_pending
    desk_of.post(f"{url}/identificar/", {"name": "Marina Prado", "organization": "padaria trigal"})
    assert not Ticket.objects.get().identification_pending
    desk_of.post(f"{url}/identificar/", {"name": "Marina Prado", "organization": "Padaria Trigal"})
    assert Organization.objects.count() == 1
    desk_of.post(f"{url}/identificar/", {"name": "Marina Prado", "not_a_customer": "on"})
    contact = Contact.objects.get()
    assert (contact.organization, contact.not_a_customer) == (None, True)
    assert TicketEvent.objects.filter(kind="identified").exists()


def test_profile_changes_only_its_own_fields(desk_of, livia):
    # A09
    values = {"name": "Lívia S.", "language": "en", "undo_seconds": "30"}
    answer = desk_of.post("/perfil/", {**values, "is_superuser": "on"})
    assert answer.status_code == 400
    assert desk_of.post("/perfil/", values).status_code == 302
    livia.refresh_from_db()
    assert (livia.name, livia.language, livia.undo_seconds, livia.shortcut_keys) == (
        "Lívia S.",
        "en",
        30,
        False,
    )
    assert not livia.is_superuser
    assert "My queues" in desk_of.get("/").content.decode()
    assert desk_of.post("/perfil/", {**values, "undo_seconds": "7"}).status_code == 422


def test_language_button_stays_on_the_page_and_never_leaves_the_site(desk_of, livia):
    answer = desk_of.post(
        "/perfil/idioma/", {"language": "en"}, headers={"Referer": "http://testserver/?view=mine"}
    )
    assert answer["Location"] == "http://testserver/?view=mine"
    answer = desk_of.post("/perfil/idioma/", {"language": "en"}, headers={"Referer": "https://evil.example/"})
    assert answer["Location"] == "/"
