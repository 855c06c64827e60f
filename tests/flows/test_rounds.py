"""Arrivals handed over together: one that fails spoils no other, none waits in a circle, and each is what it would be
by itself."""

import uuid

import pytest

from channels_inbox.adapters import adapter_classes
from channels_inbox.adapters.base import Adapter, Envelope, ParsedMessage, Person
from channels_inbox.adapters.email import mail_envelope
from channels_inbox.inbox import process_due, store
from channels_inbox.mailbox_ids import reply_address
from channels_inbox.models import Channel, InboundMessage
from helpdesk.lib.together import OneStatement
from helpdesk.people.contacts import gather
from helpdesk.people.models import Contact, ContactAddress
from tests.flows.test_concurrency import assert_all_taken, at_once, circles, store_all
from tests.mails import mail
from tickets.models import MailReference, Participant, Reaction, ThreadEntry, Ticket, TicketEvent

pytestmark = pytest.mark.django_db(transaction=True)


class NoteAdapter(Adapter):
    """A payload is `address|text`. NUL is refused by the database; `stolen`: another worker has it by now."""

    kind = "note"
    label = "Note"

    def parse(self, payload: bytes) -> ParsedMessage:
        address, _bar, text = payload.decode().partition("|")
        if text == "stolen":
            InboundMessage.objects.filter(payload=payload).update(lease_token=uuid.uuid4())
        if text == "unreadable":
            raise ValueError("não entendi")
        return ParsedMessage(kind="message", sender=Person(address), text=text)


@pytest.fixture
def notes(desk, monkeypatch):
    """Store notes of as many people and drain one batch."""
    monkeypatch.setitem(adapter_classes(), "note", NoteAdapter)
    channel = Channel.objects.create(key="note", kind="note", name="Notes")

    def run(*texts: str) -> None:
        words = [f"c{n}@x.example|{text}".encode() for n, text in enumerate(texts)]
        store(channel, [Envelope(word, "", word) for word in words])
        assert process_due(len(texts)) == len(texts)

    return run


def assert_each_once(texts: set[str]) -> None:
    """Every text is one entry of one ticket, opened by one event with one reaction a consumer; nothing else stands."""
    assert sorted(ThreadEntry.objects.values_list("text", flat=True)) == sorted(texts)
    assert Ticket.objects.count() == TicketEvent.objects.count() == len(texts)
    assert Reaction.objects.filter(consumer="live").count() == len(texts)
    assert Reaction.objects.filter(consumer="acknowledge").count() == len(texts)
    assert len(set(Ticket.objects.values_list("protocol", flat=True))) == len(texts)
    assert InboundMessage.objects.filter(state="done", lease_token=None, attempts=1).count() == len(texts)


@pytest.mark.parametrize("poison", ["nulo\x00", "unreadable"])
def test_poison_in_the_middle_of_a_round_waits_alone(notes, poison):
    # I1, A22: refused by the database, or by the parser
    notes("um", "dois", poison, "três", "quatro")
    assert_each_once({"um", "dois", "três", "quatro"})
    bad = InboundMessage.objects.exclude(state="done").get()
    assert (bad.state, bad.attempts, bad.lease_token) == ("new", 1, None)
    assert "ValueError" in bad.last_error
    assert process_due() == 0  # it waits its turn, and nobody behind it does


def test_a_lease_lost_in_the_middle_of_a_round_is_somebody_elses_work(notes):
    notes("um", "stolen", "dois")
    assert_each_once({"um", "dois"})
    lost = InboundMessage.objects.exclude(state="done").get()
    assert (lost.state, lost.last_error) == ("new", "")
    assert lost.lease_token is not None  # untouched


def test_a_round_is_one_transaction_and_a_person_never_twice_in_it(desk):
    raws = [mail(sender=f"c{n % 3}@x.example", subject=f"n{n}") for n in range(9)]
    store_all(*raws)
    assert process_due(9) == 9
    assert_all_taken(9)
    assert Contact.objects.count() == 3
    opened = Ticket.objects.order_by("entries__inbound_id").values_list("subject", flat=True)
    assert list(opened) == [f"n{n}" for n in range(9)]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
def test_a_conversation_within_one_batch_is_one_ticket_in_any_order(desk, order):
    # an answer may arrive before what it answers
    raws = [
        mail(message_id="raiz@x.example", text="um"),
        mail(message_id="dois@x.example", in_reply_to="raiz@x.example", text="dois"),
        mail(
            message_id="tres@x.example",
            in_reply_to="dois@x.example",
            references="<raiz@x.example> <dois@x.example>",
            text="três",
        ),
    ]
    others = [mail(sender=f"c{n}@x.example") for n in range(4)]
    store_all(raws[order[0]], others[0], others[1], raws[order[1]], others[2], raws[order[2]], others[3])
    assert process_due(7) == 7
    assert Ticket.objects.count() == 5
    assert (
        ThreadEntry.objects.filter(contact__addresses__value="marina@trigal.example")
        .values("ticket")
        .distinct()
        .count()
        == 1
    )


def test_two_people_answer_one_ticket_in_one_round(arrive):
    """They share no address and no id, only the ticket: both are read, and the last one is what the list shows."""
    ticket = arrive(cc="Contador <contador@exato.example>", message_id="raiz@trigal.example").ticket
    Ticket.objects.filter(pk=ticket.pk).update(
        status="waiting_customer", unanswered=False, waiting_since=None
    )
    events = TicketEvent.objects.count()
    people = dict(
        Participant.objects.filter(ticket=ticket).values_list("contact__addresses__value", "contact")
    )
    store_all(
        *(
            mail(
                sender=address,
                to=reply_address("suporte@presteza.example", ticket.pk, people[address]),
                text=text,
            )
            for address, text in (("marina@trigal.example", "segue"), ("contador@exato.example", "PAROU"))
        )
    )
    assert process_due(2) == 2
    ticket.refresh_from_db()
    assert [entry.text.strip() for entry in ticket.entries.filter(kind="customer").order_by("id")][1:] == [
        "segue",
        "PAROU",
    ]
    assert (ticket.status, ticket.unanswered, ticket.operation_stopped) == ("open", True, True)
    assert (ticket.preview, ticket.last_entry_id) == ("PAROU", ticket.entries.latest("id").pk)
    assert TicketEvent.objects.count() == events + 3  # two messages, one priority


def test_one_mail_to_two_mailboxes_in_one_batch_is_linked(desk):
    raw = mail(message_id="raiz@x.example", to="suporte@presteza.example, financeiro@presteza.example")
    for channel in Channel.objects.filter(kind="email").order_by("id")[:2]:
        store(channel, [mail_envelope(raw)])
    assert process_due(2) == 2
    first, second = Ticket.objects.order_by("id")
    assert (first.possible_follow_up_of_id, second.possible_follow_up_of_id) == (None, first.pk)


@pytest.mark.parametrize("known", [False, True])
def test_two_workers_with_the_same_people_in_opposite_order_never_wait_in_a_circle(arrive, known):
    people = [f"p{n}@x.example" for n in range(10)]
    for address in people if known else ():
        arrive(sender=address, react=False)
    before, taken = circles(), InboundMessage.objects.count()
    for turn in range(6):
        for order in (people, people[::-1]):
            store_all(*(mail(sender=address, subject=f"t{turn}") for address in order))
        at_once(lambda: process_due(10), lambda: process_due(10))
    assert circles() == before
    assert_all_taken(taken + 120)
    assert Contact.objects.count() == ContactAddress.objects.count() == 10


def test_two_workers_with_the_same_tickets_in_opposite_order_never_wait_in_a_circle(arrive):
    tickets = [arrive(message_id=f"raiz{n}@x.example", react=False).ticket for n in range(4)]
    people = [f"p{n}@x.example" for n in range(8)]
    contacts, _copied = gather("email", dict.fromkeys(people, ""), {})
    rows = [
        Participant(ticket=each, contact=contact, kind="copied")
        for each in tickets
        for contact in contacts.values()
    ]
    Participant.objects.bulk_create(rows)
    before = circles()
    for turn in range(6):
        for writers, order in ((people[:4], (0, 1, 2, 3)), (people[4:], (3, 2, 1, 0))):
            pairs = zip(writers, order, strict=True)
            store_all(
                *(mail(sender=who, in_reply_to=f"raiz{n}@x.example", text=f"{turn}") for who, n in pairs)
            )
        at_once(lambda: process_due(4), lambda: process_due(4))
    assert circles() == before
    assert_all_taken(4 + 48)
    assert Ticket.objects.count() == 4
    assert TicketEvent.objects.filter(kind="customer_wrote").count() == 48


def test_people_are_gathered_once_whatever_is_known_of_them(desk):
    contacts, copied = gather("email", {"a@x.example": "Ana", "c@x.example": ""}, {"b@x.example": "Bia"})
    again, copied_again = gather("email", {"c@x.example": "Caio", "b@x.example": "B."}, {"a@x.example": "A."})
    assert set(contacts) == {"a@x.example", "c@x.example"}
    assert copied == {"b@x.example": again["b@x.example"].pk} == {"b@x.example": copied["b@x.example"]}
    assert copied_again == {"a@x.example": contacts["a@x.example"].pk}
    names = dict(ContactAddress.objects.values_list("value", "contact__name"))
    assert names == {
        "a@x.example": "Ana",
        "b@x.example": "Bia",
        "c@x.example": "Caio",
    }  # filled, never overwritten
    assert all(contact.locked_at for contact in (contacts | again).values())


def test_one_statement_writes_new_rows_of_many_tables_and_changes(arrive, django_assert_num_queries):
    ticket = arrive(react=False).ticket
    ticket.subject, ticket.preview = "novo", "não escrito"
    rows = [MailReference(ticket=ticket, message_id=f"m{n}@x.example", own=n % 2 == 0) for n in range(3)]
    event = TicketEvent(pk=10**9, ticket=ticket, kind="noted", data={"a": "aspas 'e' %s"})
    statement = OneStatement()
    statement.insert(*rows)
    statement.insert(event, Reaction(event=event, consumer="live"))
    statement.update(ticket, ["subject"])
    with django_assert_num_queries(1):
        statement.run()
    with django_assert_num_queries(0):
        OneStatement().run()
    ticket.refresh_from_db()
    assert (ticket.subject, ticket.preview != "não escrito") == ("novo", True)
    stored = TicketEvent.objects.get(pk=10**9)
    assert stored.data == {"a": "aspas 'e' %s"}
    assert stored.at is not None  # a column with a default of the database
    assert stored.reactions.get().state == "new"
    assert list(MailReference.objects.filter(message_id__endswith="@x.example").values_list("own", flat=True)) == [
        True, False, True,
    ]  # fmt: skip
