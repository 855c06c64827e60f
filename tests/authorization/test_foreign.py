"""A foreign object is as absent as none: same status, same body, same number of statements (A07); rights that end
end within one request (A08)."""

import re

import pytest
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.authorization.routes import Route, all_routes
from tests.authorization.table import METHODS, address, ask, data_for, expected, word
from tests.authorization.world import ROLES, World, sign_in
from tickets.memberships import set_memberships
from tickets.models import Membership

pytestmark = pytest.mark.django_db
TABLE = expected()
ROUTES = [route for route in all_routes() if route.arguments and route.name in TABLE]
HIDES = {"404", "204"}  # 204: the row of a ticket that is not (or no longer) in the list
TOKEN = re.compile(rb'type="hidden"[^>]*>|X-CSRFToken[^}]*\}')


def hidden_cells(route: Route) -> list[tuple[str, str, str]]:
    """Return (method, side, role) where the table hides an object that others see."""
    found = []
    for key, line in TABLE[route.name].items():
        method, _space, side = key.partition(" ")
        if method not in METHODS:
            continue
        answers = line.split()
        if set(answers) <= HIDES | {"login"}:
            continue
        found += [
            (method, side, role) for role, answer in zip(ROLES, answers, strict=True) if answer in HIDES
        ]
    return found


def counted(client: Client, method: str, path: str, data: dict) -> tuple[HttpResponse, int]:
    with CaptureQueriesContext(
        connection,
    ) as seen:
        answer = ask(client, method, path, data)
    return answer, len(seen)


@pytest.mark.parametrize("route", [each for each in ROUTES if hidden_cells(each)], ids=lambda each: each.name)
def test_foreign_objects_are_as_absent_as_none(world: World, route: Route):
    row = TABLE[route.name]
    for method, side, role in hidden_cells(route):
        client, things = world.clients[role], getattr(world, side)
        data = data_for(row, things)
        absent_path, foreign_path = address(route, row, world.none), address(route, row, things)
        counted(client, method, absent_path, data)
        absent, few = counted(client, method, absent_path, data)
        foreign, many = counted(client, method, foreign_path, data)
        where = (route.name, method, side, role)
        assert foreign.status_code == absent.status_code, where
        assert clean(foreign, foreign_path, things) == clean(absent, absent_path, world.none), where
        if method == "GET" and not own_part(route, role):
            assert many == few, where


def own_part(route: Route, role: str) -> bool:
    """Whether the person sees the ticket and only a part of it is somebody else's (drafts, own replies)."""
    return route.name in {"tickets:remove_file", "tickets:withdraw"} and role in {"leader1", "admin"}


def clean(answer: HttpResponse, path: str, things) -> bytes:
    """Return a body without what the asker typed: tokens of the form and the address itself."""
    body = TOKEN.sub(b"", answer.content)
    return body.replace(path.encode(), b"").replace(str(things.protocol).encode(), b"")


def seen_by_agent() -> list[tuple[Route, str]]:
    """Return every request on department 1's objects that its analyst may make."""
    column = ROLES.index("agent1")
    return [
        (route, method)
        for route in ROUTES
        if route.name.startswith("tickets:")
        for method in METHODS
        if TABLE[route.name][f"{method} a"].split()[column] not in {"404", "405", "login"}
    ]


def test_an_analyst_removed_from_a_department_finds_nothing_of_it_any_more(world: World):
    # A08: 100 % of what the analyst could ask before; the same session, at the very next request
    agent = world.people["agent1"]
    requests = seen_by_agent()
    assert len(requests) > 30
    with transaction.atomic():
        Membership.objects.filter(user=agent).delete()
        for route, method in requests:
            row = TABLE[route.name]
            answer = ask(
                world.clients["agent1"], method, address(route, row, world.a), data_for(row, world.a)
            )
            assert word(answer) in HIDES, (route.name, method, word(answer))
        for name in (
            "tickets:queue",
            "tickets:ticket_list",
            "tickets:ticket_rows",
            "tickets:contacts",
            "tickets:mailbox",
        ):
            answer = ask(world.clients["agent1"], "GET", reverse(name) + "?view=all&name=alda&email=alda")
            assert b"Assunto de suporte" not in answer.content, name
            assert b"alda@alfa" not in answer.content, name
        transaction.set_rollback(True)


def test_changing_roles_ends_the_session_too(world: World):
    # A16: the one writer of memberships ends every session; a fresh one sees what the new role sees
    agent = world.people["agent1"]
    with transaction.atomic():
        set_memberships(world.people["admin"], agent, [])
        old, fresh = world.clients["agent1"], Client()
        url = reverse("tickets:ticket", args=[world.a.ticket])
        assert word(ask(old, "GET", url)) == "login"
        agent.refresh_from_db()
        sign_in(fresh, agent)
        assert word(ask(fresh, "GET", url)) == "404"
        transaction.set_rollback(True)
    agent.refresh_from_db()


def test_moving_a_ticket_needs_the_right_on_both_sides(world: World):
    # A08
    url = reverse("tickets:department", args=[world.a.ticket])
    answers = {
        role: word(ask(world.clients[role], "POST", url, {"to": world.b.department}))
        for role in ("agent1", "leader1", "agent2", "admin")
    }
    assert answers == {"agent1": "403", "leader1": "403", "agent2": "404", "admin": "200"}
