"""Who works a ticket and where it lies: the right is needed on both sides (A08), and nobody keeps what they may not."""

import pytest
from django.core.exceptions import PermissionDenied

from tickets.assignment import assign, move_to_department, people_who_may_work
from tickets.models import Department

pytestmark = pytest.mark.django_db


@pytest.fixture
def ticket(arrive):
    return arrive().ticket


def kinds(ticket) -> list[str]:
    return list(ticket.events.order_by("id").values_list("kind", flat=True))[1:]


def place(key: str) -> Department:
    return Department.objects.get(key=key)


def test_given_taken_back_and_told_once(ticket, person):
    livia, caio = person("livia"), person("caio")
    assert assign(ticket, actor=livia, to=caio).assignee == caio
    assert assign(ticket, actor=livia, to=caio).assignee == caio  # nothing new: no event
    assert assign(ticket, actor=caio, to=None).assignee is None
    assert kinds(ticket) == ["assigned", "unassigned"]
    assert ticket.events.get(kind="assigned").data == {"to": caio.name, "to_id": caio.pk}


def test_nobody_gets_a_ticket_of_a_department_they_do_not_work_in(ticket, person):
    # A08
    livia, otto = person("livia"), person("otto", "agent", "financeiro")
    with pytest.raises(PermissionDenied):
        assign(ticket, actor=livia, to=otto)
    with pytest.raises(PermissionDenied):
        assign(ticket, actor=otto, to=otto)
    ticket.refresh_from_db()
    assert (ticket.assignee, kinds(ticket)) == (None, [])


def test_switched_off_people_get_nothing(ticket, person):
    livia, caio = person("livia"), person("caio")
    caio.is_active = False
    caio.save()
    with pytest.raises(PermissionDenied):
        assign(ticket, actor=livia, to=type(caio).objects.get(pk=caio.pk))
    assert people_who_may_work(ticket) == [livia]


def test_moving_needs_the_right_here_and_there(ticket, person):
    # A08
    livia, otto = person("livia"), person("otto", "agent", "financeiro")
    for actor in (livia, otto):
        with pytest.raises(PermissionDenied):
            move_to_department(ticket, actor=actor, to=place("financeiro"))
    both = type(livia).objects.get(pk=person("livia", "agent", "financeiro").pk)
    moved = move_to_department(ticket, actor=both, to=place("financeiro"))
    assert moved.department.key == "financeiro"


def test_an_agent_without_a_right_there_loses_the_ticket_and_one_with_it_keeps_it(ticket, person):
    livia, caio, ada = person("livia"), person("caio"), person("ada", "admin", None)
    assign(ticket, actor=livia, to=caio)
    moved = move_to_department(ticket, actor=ada, to=place("financeiro"))
    assert (moved.department.key, moved.assignee) == ("financeiro", None)
    event = ticket.events.get(kind="department_changed")
    assert event.data == {"from": place("suporte").name, "to": place("financeiro").name}
    move_to_department(ticket, actor=ada, to=place("financeiro"))  # lies there already: no event
    assert kinds(ticket) == ["assigned", "department_changed"]
    assign(ticket, actor=ada, to=person("otto", "agent", "financeiro"))
    person("otto", "agent", "suporte")
    assert move_to_department(ticket, actor=ada, to=place("suporte")).assignee.name == "Otto Teste"


def test_people_are_offered_by_name_and_only_those_who_may(ticket, person):
    person("zoe"), person("Ana".lower()), person("otto", "agent", "financeiro"), person("dora", "developer")
    names = [each.name for each in people_who_may_work(ticket)]
    assert names == ["Ana Teste", "Zoe Teste"]
