"""What is recorded stays, who must react does so once, and nobody's failure touches another's work."""

import ast
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

import tickets
from channels_inbox.models import OutboundMessage
from helpdesk.lib.clock import AppNow
from helpdesk.people.audit import record as record_audit
from helpdesk.people.models import AuditEntry
from tickets import conversation, events, reactions
from tickets.models import Department, Reaction, ThreadEntry, TicketEvent
from tickets.reactions import CONSUMERS, react_due

pytestmark = pytest.mark.django_db
REACTION_MOVES = {("new", "done"), ("new", "dead"), ("dead", "new")}  # reliability 1.6


def run_sql(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def drain() -> None:
    while react_due():
        pass


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tickets_ticketevent SET kind = 'noted'",
        "UPDATE tickets_ticketevent SET data = '{\"x\": 1}'",
        "UPDATE tickets_ticketevent SET at = at - interval '1 hour'",
        "UPDATE tickets_ticketevent SET actor_id = (SELECT max(id) FROM people_user)",
        "UPDATE tickets_ticketevent SET ticket_id = ticket_id + 1",
        "DELETE FROM tickets_reaction; DELETE FROM tickets_ticketevent",
    ],
)
def test_events_are_written_once(arrive, person, statement):
    #
    ticket, livia, _otto = arrive().ticket, person("livia"), person("otto")
    conversation.add_note(ticket, actor=livia, text="nota")
    before = list(TicketEvent.objects.order_by("id").values())
    with pytest.raises(DatabaseError, match="append-only"):
        run_sql(statement)
    assert list(TicketEvent.objects.order_by("id").values()) == before


def test_erasing_on_request_reaches_events_and_never_the_audit_trail(arrive):
    #
    arrive()
    record_audit("login", subject="livia@equipe.example")
    run_sql("SET LOCAL presteza.erasing = 'on'; UPDATE tickets_ticketevent SET data = '{\"erased\": true}'")
    assert set(TicketEvent.objects.values_list("data__erased", flat=True)) == {True}
    for statement in ("UPDATE people_auditentry SET subject = ''", "DELETE FROM people_auditentry"):
        with pytest.raises(DatabaseError, match="append-only"):
            run_sql(f"SET LOCAL presteza.erasing = 'on'; {statement}")
    assert AuditEntry.objects.count() == 1
    run_sql("SET LOCAL presteza.erasing = 'off'")
    with pytest.raises(DatabaseError, match="append-only"):  # the permission ended with its transaction
        run_sql("UPDATE tickets_ticketevent SET data = '{}'")


def test_a_person_who_goes_leaves_the_events_behind(arrive, person):
    ticket, livia = arrive().ticket, person("livia")
    events.record("noted", ticket, actor=livia)
    run_sql("UPDATE tickets_ticketevent SET actor_id = NULL")
    assert TicketEvent.objects.filter(kind="noted", actor=None).count() == 1


def kinds_in_the_source() -> set[str]:
    """Every kind that is recorded somewhere, read from the calls of `events.record`."""
    found: set[str] = set()
    for path in Path(tickets.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "events.record" and node.args:
                found |= {each.value for each in ast.walk(node.args[0]) if isinstance(each, ast.Constant)}
    return found


def test_every_recorded_kind_is_registered_and_every_consumer_exists():
    recorded = kinds_in_the_source()
    assert len(recorded) > 12
    assert recorded <= set(events.KINDS)
    assert {name for kind in events.KINDS.values() for name in kind.consumers} == set(CONSUMERS)
    assert all(kind.sentence for kind in events.KINDS.values() if kind.shown)


def test_an_unknown_kind_is_a_mistake_of_ours(arrive):
    ticket = arrive().ticket
    before = TicketEvent.objects.count()
    with pytest.raises(KeyError):
        events.record("made_up", ticket)
    assert TicketEvent.objects.count() == before


def test_each_consumer_reacts_once_to_an_event(arrive):
    arrive(react=False)
    event = TicketEvent.objects.get(kind="ticket_opened")
    assert set(event.reactions.values_list("consumer", flat=True)) == {"live", "acknowledge"}
    with pytest.raises(IntegrityError), transaction.atomic():
        Reaction.objects.create(event=event, consumer="acknowledge")


@pytest.fixture
def unreadable_hours(desk):
    """A department whose opening hours nobody can read: the acknowledgement cannot be written."""
    Department.objects.filter(key="suporte").update(hours="quando der")
    yield
    Department.objects.filter(key="suporte").update(hours="seg-sex 08:00-12:00,13:00-18:00")


def test_the_failure_of_one_consumer_never_runs_another_again(arrive, unreadable_hours, travel):
    arrive()
    live, acknowledge = (Reaction.objects.get(consumer=name) for name in ("live", "acknowledge"))
    for _attempt in range(6):
        travel(hours=1)
        drain()
    live.refresh_from_db()
    acknowledge.refresh_from_db()
    assert (live.state, live.attempts) == ("done", 1)
    assert (acknowledge.state, acknowledge.attempts) == ("dead", 6)
    assert "quando der" in acknowledge.last_error or "Hours" in acknowledge.last_error
    assert not ThreadEntry.objects.filter(kind="auto").exists()  # nothing half written


def test_a_failed_acknowledgement_leaves_later_once(arrive, unreadable_hours, travel):
    arrive()
    Department.objects.filter(key="suporte").update(hours="seg-sex 08:00-18:00")
    travel(minutes=1)
    drain()
    assert OutboundMessage.objects.filter(purpose="auto").count() == 1
    assert Reaction.objects.get(consumer="acknowledge").attempts == 2


@pytest.mark.parametrize("consumer", sorted(CONSUMERS))
def test_work_done_twice_changes_nothing(arrive, consumer):
    """A worker killed after its commit, before it told the broker: the bell rings again."""
    arrive()
    done = Reaction.objects.get(consumer=consumer, event__kind="ticket_opened")
    facts = (OutboundMessage.objects.count(), ThreadEntry.objects.count(), TicketEvent.objects.count())
    drain()
    reactions.run(done)  # the claim is over: fenced off
    assert facts == (
        OutboundMessage.objects.count(), ThreadEntry.objects.count(), TicketEvent.objects.count()
    )  # fmt: skip


def test_the_acknowledgement_is_written_once_even_when_its_row_runs_again(arrive, travel):
    # not the reaction's row but the entry's key decides
    arrive()
    travel(hours=2)
    Reaction.objects.filter(consumer="acknowledge").update(state="new", attempts=0)
    drain()
    assert ThreadEntry.objects.filter(kind="auto").count() == 1
    assert OutboundMessage.objects.filter(purpose="auto").count() == 1


def moves_of_a_reaction() -> dict[str, Callable[[Reaction], object]]:
    return {
        "work": lambda _row: drain(),
        "fail": lambda row: row.fail("x", permanent=True),
        "finish": _finish_claimed,
        "lease over": lambda _row: Reaction.release_expired(),
        "right the clock": lambda _row: Reaction.heal_clock(),
    }


def _finish_claimed(_row: Reaction) -> None:
    for claimed in Reaction.objects.all().claim(5):
        claimed.fail("x", permanent=True)


def test_no_function_moves_a_reaction_outside_the_table(arrive):
    # reliability 1.6 (`dead` to `new` by a person is walked with the page that offers it)
    arrive()
    row = Reaction.objects.filter(consumer="live").first()
    seen: set[tuple[str, str]] = set()
    for (name, move), start in itertools.product(moves_of_a_reaction().items(), ("new", "done", "dead")):
        Reaction.objects.filter(pk=row.pk).update(
            state=start, attempts=0, lease_token=None, lease_until=None, next_at=AppNow()
        )
        row.refresh_from_db()
        move(row)
        end = Reaction.objects.get(pk=row.pk).state
        assert start == end or (start, end) in REACTION_MOVES, f"{name}: {start} → {end}"
        seen.add((start, end))
    assert {("new", "done"), ("new", "dead")} <= seen
