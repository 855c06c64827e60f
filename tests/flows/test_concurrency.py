"""Many workers on the same people at once: one contact, no ticket too many, and nobody waits in a circle."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from channels_inbox.adapters.email import mail_envelope
from channels_inbox.inbox import process_due, store
from channels_inbox.models import Channel, InboundMessage, OutboundMessage
from helpdesk.people.models import Contact, ContactAddress
from tests.mails import mail
from tickets import conversation
from tickets.identification import identify_customer
from tickets.models import Participant, ThreadEntry, Ticket
from tickets.reactions import react_due

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*jobs: Callable[[], object]) -> None:
    """Run the jobs in threads that start together; raise the first error of any of them."""
    start, errors = threading.Barrier(len(jobs)), []

    def run(job: Callable[[], object]) -> None:
        try:
            start.wait(timeout=20)
            job()
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    if errors:
        raise errors[0]


def drain() -> None:
    while process_due(1):
        pass


def circles() -> int:
    """How many deadlocks PostgreSQL had to cut in this database so far."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return cursor.fetchone()[0]


def box() -> Channel:
    return Channel.objects.get(key="email-suporte")


def store_all(*raws: bytes) -> None:
    store(box(), [mail_envelope(raw) for raw in raws])


def assert_all_taken(count: int) -> None:
    assert InboundMessage.objects.filter(state="done", attempts=1).count() == count
    assert ThreadEntry.objects.filter(kind="customer").count() == count


def test_twenty_messages_of_one_new_person_make_one_contact(desk):
    #
    store_all(*(mail(sender="Nova Pessoa <Nova@Cliente.example>", subject=f"n{n}") for n in range(20)))
    at_once(*[lambda: process_due(1)] * 20)
    assert_all_taken(20)
    assert Contact.objects.count() == ContactAddress.objects.count() == 1
    assert Ticket.objects.count() == 20
    assert len(set(Ticket.objects.values_list("protocol", flat=True))) == 20  # I4


def test_one_message_delivered_by_twenty_at_once_is_one_ticket(desk):
    # I1: the row and its unique fingerprint decide, not who was first to look
    raw = mail()
    at_once(*[lambda: store_all(raw)] * 20)
    at_once(*[drain] * 4)
    assert_all_taken(1)
    assert Ticket.objects.count() == 1


def test_answers_of_one_person_at_once_stay_on_their_ticket(arrive):
    #
    root = arrive(message_id="raiz@trigal.example")
    store_all(*(mail(subject="Re: x", text=f"{n}", in_reply_to="raiz@trigal.example") for n in range(12)))
    at_once(*[drain] * 4)
    assert_all_taken(13)
    assert Ticket.objects.get().pk == root.ticket_id


def test_mails_that_copy_each_others_senders_never_wait_in_a_circle(desk, arrive):
    before = circles()
    known = [f"conhecida{n}@trigal.example" for n in range(3)]
    for address in known:
        arrive(sender=address)
    people = [*known, *(f"nova{n}@trigal.example" for n in range(5))]
    raws = [
        mail(sender=people[n % 8], cc=", ".join(people[(n + 1 + k + k * (n % 3)) % 8] for k in (0, 1, 2)))
        for n in range(40)
    ]
    store_all(*raws)
    at_once(*[drain] * 6)
    assert_all_taken(40 + len(known))
    assert circles() == before
    assert ContactAddress.objects.count() == Contact.objects.count() == 8
    ticket = (
        ThreadEntry.objects.order_by("inbound_id")
        .get(inbound=InboundMessage.objects.order_by("id")[3])
        .ticket
    )
    copied = Participant.objects.filter(ticket=ticket, kind="copied").values_list(
        "contact__addresses__value", flat=True
    )
    assert set(copied) == set(people[1:4])


def test_the_same_mails_stored_in_two_orders_never_wait_in_a_circle(desk):
    before, raws = circles(), [mail(subject=f"o{n}") for n in range(40)]
    for start in range(0, 40, 10):
        batch = raws[start : start + 10]
        at_once(
            lambda b=batch: store_all(*b),
            lambda b=batch: store_all(*reversed(b)),
            lambda b=batch: store_all(*b),
        )
    assert InboundMessage.objects.count() == 40
    assert circles() == before


def test_people_and_mails_at_work_on_one_ticket_never_wait_in_a_circle(arrive, person):
    # The customer writes while agents reply, note and identify, and the acknowledgement leaves.
    livia, caio, before = person("livia"), person("caio"), circles()
    first = arrive(cc="Contador <contador@exato.example>", message_id="um@trigal.example").ticket
    crossed = arrive(
        sender="Contador <contador@exato.example>",
        cc="marina@trigal.example",
        message_id="dois@exato.example",
    ).ticket
    for turn in range(4):
        store_all(
            mail(text=f"m{turn}", in_reply_to="um@trigal.example"),
            mail(sender="contador@exato.example", text=f"c{turn}", in_reply_to="dois@exato.example"),
            mail(text=f"n{turn}", subject=f"outro {turn}"),
        )
        at_once(
            drain,
            drain,
            react_due,
            lambda: conversation.reply(first, actor=livia, text="Vou ver."),
            lambda: conversation.reply(crossed, actor=caio, text="Já vejo."),
            lambda: conversation.add_note(first, actor=caio, text="nota"),
            lambda: identify_customer(
                first, actor=livia, name="Marina", organization="Trigal", not_a_customer=False
            ),
        )
    assert circles() == before
    assert_all_taken(2 + 3 * 4)
    assert ThreadEntry.objects.filter(kind="reply").count() == 8
    assert OutboundMessage.objects.filter(purpose="reply").count() == 16


def test_a_reply_holds_its_conversations_in_one_order(arrive, person):
    """What `hold_places` is for, step by step: the second reply waits at its first step, holding nothing yet."""
    arrive()
    ours, theirs = threading.Event(), threading.Event()
    reached: list[str] = []
    from channels_inbox.outbox import hold_places

    def one() -> None:
        with transaction.atomic():
            hold_places(box(), ["z@trigal.example", "b@trigal.example"])
            ours.set()
            theirs.wait(timeout=0.5)
            reached.append("one")

    def two() -> None:
        ours.wait(timeout=10)
        with transaction.atomic():
            hold_places(box(), ["b@trigal.example", "z@trigal.example"])
            reached.append("two")
        theirs.set()

    at_once(one, two)
    assert reached == ["one", "two"]
