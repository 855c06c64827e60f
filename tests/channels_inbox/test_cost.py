"""What one mail costs while a batch drains: statements, commits, and no look-up that grows with the tickets."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection

from channels_inbox.adapters.email import mail_envelope
from channels_inbox.inbox import process_due, store
from channels_inbox.models import Channel
from tests.mails import mail
from tickets.models import MailReference, ThreadEntry, Ticket

pytestmark = pytest.mark.django_db(transaction=True)
STATEMENTS, COMMITS, BATCH = 16, 2, 20
GROWING = re.compile(
    r"Seq Scan on (tickets_(?:ticket|threadentry|participant|mailreference|ticketevent|reaction|entry\w+|trackingtoken)"
    r"|channels_inbox_(?:inboundmessage|outboundmessage|channelthread|messageattachment)|people_contact\w*)\b"
)
# The answer to these may be five seconds old (`intake`), so that they fall into one measure and not into the next.
REMEMBERED = re.compile(r'SELECT "channels_inbox_channel"\."address"|FROM "tickets_channelpolicy"')


class Counted:
    """The statements of a block, with their parameters, and how many transactions were committed."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, object]] = []
        self.commits = 0

    @property
    def asked(self) -> int:
        """How many statements ran, without those that are asked every five seconds."""
        return sum(not REMEMBERED.search(sql) for sql, _params in self.ran)

    def __call__(self, execute, sql, params, many, context):
        self.ran.append((sql, params))
        return execute(sql, params, many, context)


def commits_so_far() -> int:
    """Count as PostgreSQL does, this look included."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
        return cursor.fetchone()[0]


@contextmanager
def counted() -> Iterator[Counted]:
    counter, before = Counted(), commits_so_far()
    with connection.execute_wrapper(counter):
        yield counter
    counter.commits = commits_so_far() - before - 2  # the two looks themselves


def store_all(*raws: bytes) -> None:
    assert store(Channel.objects.get(key="email-suporte"), [mail_envelope(raw) for raw in raws]) == len(raws)


def letters(count: int, **facts) -> list[bytes]:
    return [
        mail(sender=f"Cliente {n} <c{n}@empresa.example>", subject=f"Pedido {n}", **facts)
        for n in range(count)
    ]


def drain_batch() -> Counted:
    with counted() as counter:
        assert process_due(BATCH) == BATCH
    return counter


def test_new_tickets_cost_sixteen_statements_and_two_commits_at_most(desk):
    store_all(*letters(2 * BATCH))
    process_due(BATCH)  # what is asked once a process is known from here on
    counter = drain_batch()
    assert len(counter.ran) / BATCH <= STATEMENTS
    assert counter.commits <= COMMITS * BATCH
    claims = [sql for sql, _params in counter.ran if "SKIP LOCKED" in sql]
    assert len(claims) == 1  # one claim a batch, not one a mail
    assert Ticket.objects.count() == 2 * BATCH


def test_answers_stay_within_the_same_bounds(arrive):
    for n in range(BATCH):
        arrive(sender=f"c{n}@empresa.example", message_id=f"raiz{n}@empresa.example")
    answers = [
        mail(sender=f"c{n}@empresa.example", in_reply_to=f"raiz{n}@empresa.example", text=f"{n}")
        for n in range(BATCH)
    ]
    store_all(*answers)
    counter = drain_batch()
    assert Ticket.objects.count() == BATCH
    assert len(counter.ran) / BATCH <= STATEMENTS
    assert counter.commits <= COMMITS * BATCH


def test_strangers_of_a_batch_share_their_statements_and_their_commit(arrive):
    """As many statements for forty strangers as for five: new ones, known ones, and answers."""
    costs = []
    for count in (5, 40):
        for n in range(count):
            arrive(sender=f"v{count}.{n}@x.example", message_id=f"raiz{count}.{n}@x.example", react=False)
        raws = [mail(sender=f"n{count}.{n}@x.example", cc=f"k{count}.{n}@x.example") for n in range(count)]
        raws += [
            mail(sender=f"v{count}.{n}@x.example", in_reply_to=f"raiz{count}.{n}@x.example")
            for n in range(count)
        ]
        store_all(*raws)
        with counted() as counter:
            assert process_due(2 * count) == 2 * count
        costs.append((counter.asked, counter.commits))
    assert costs[0] == costs[1]
    assert costs[0][1] <= 4  # the claim, two reads (its rows, their channel), the round


@pytest.mark.parametrize("where", ["mail", "ticket"])
def test_references_cost_the_same_one_or_sixty(desk, arrive, where):
    """R-128: as many ids in the mail, or standing on the ticket, as you like."""
    costs = []
    for count in (1, 3, 60):
        root = f"raiz{count}@trigal.example"
        ticket = arrive(message_id=root).ticket
        if where == "ticket":
            rows = [
                MailReference(ticket=ticket, message_id=f"x{n}.{count}@trigal.example") for n in range(count)
            ]
            MailReference.objects.bulk_create(rows)
        named = [f"<y{n}.{count}@trigal.example>" for n in range(count if where == "mail" else 1)]
        store_all(mail(references=" ".join([f"<{root}>", *named]), text=f"resposta {count}"))
        with counted() as counter:
            assert process_due(1) == 1
        costs.append((counter.asked, counter.commits))
        assert ThreadEntry.objects.order_by("-id")[0].ticket_id == ticket.pk
    assert len(set(costs)) == 1, costs


def test_no_look_up_reads_a_whole_table(desk, arrive):
    """Every statement of every kind of mail has an index to go by, so that none grows with the tickets."""
    arrive(message_id="raiz@trigal.example")
    raws = [
        mail(sender="Nova <nova@empresa.example>"),
        mail(in_reply_to="raiz@trigal.example"),
        mail(cc="bia@empresa.example, caio@empresa.example", references="<nunca@vista.example>"),
        mail(sender="outra@fora.example", in_reply_to="raiz@trigal.example"),
        mail(files=(("a.txt", "text/plain", b"anexo"),), headers={"Auto-Submitted": "auto-replied"}),
    ]
    store_all(*raws)
    with counted() as counter:
        while process_due(1):
            pass
    asked = [
        (sql, params)
        for sql, params in counter.ran
        if sql.lstrip()[:6].upper() in {"SELECT", "UPDATE", "DELETE", "WITH"}
    ]
    assert len(asked) > 15
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        for sql, params in asked:
            cursor.execute(f"EXPLAIN {sql}", params)
            plan = "\n".join(row[0] for row in cursor.fetchall())
            assert not GROWING.search(plan), f"{sql}\n{plan}"
        cursor.execute("RESET enable_seqscan")
