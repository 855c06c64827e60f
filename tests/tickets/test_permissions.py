"""Rights = role × verb × scope: the matrix is generated from the table of D.1, each cell tried (R-401)."""

from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied

from helpdesk.people.models import User
from tickets.models import Role, Ticket
from tickets.models.department import WITHOUT_DEPARTMENT
from tickets.permissions import (
    Scope,
    may,
    may_in_department,
    needs_second_factor,
    require,
    rights_table,
    scope_of,
    tickets_with,
)

HERE, ELSEWHERE, ME, SOMEBODY = 1, 2, 7, 8
VERBS = sorted(rights_table())
CELLS = [(role, verb) for role in Role.values for verb in VERBS]


def somebody(*memberships: tuple[str, int | None], active: bool = True) -> User:
    user = User(pk=ME, email="livia@equipe.example", is_active=active)
    user._memberships = list(memberships) if active else []
    return user


def ticket(department: int, assignee: int | None = None) -> Ticket:
    return Ticket(department_id=department, assignee_id=assignee)


@pytest.mark.parametrize(("role", "verb"), CELLS)
def test_each_cell_of_the_matrix(role, verb):
    """Inside and outside the department, own and foreign: exactly what the table says."""
    scope = rights_table()[verb].get(role)
    user = somebody((role, HERE))
    expected = {
        None: (False, False, False, False),
        "own": (False, False, True, True),
        "department": (True, False, True, False),
        "all": (True, True, True, True),
    }[scope]
    seen = tuple(
        may(user, verb, each)
        for each in (
            ticket(HERE, SOMEBODY),
            ticket(ELSEWHERE, SOMEBODY),
            ticket(HERE, ME),
            ticket(ELSEWHERE, ME),
        )
    )
    assert seen == expected
    assert may(user, verb) == (scope is not None)
    assert may_in_department(user, verb, HERE) == (scope in {"department", "all"})
    assert may_in_department(user, verb, ELSEWHERE) == (scope == "all")


@pytest.mark.parametrize(
    ("role", "verb"), [(role, verb) for role in sorted(WITHOUT_DEPARTMENT) for verb in VERBS]
)
def test_role_without_a_department_reaches_no_single_department(role, verb):
    scope = rights_table()[verb].get(role)
    assert may(somebody((role, None)), verb, ticket(HERE, SOMEBODY)) == (scope == "all")


@pytest.mark.parametrize("verb", VERBS)
def test_nobody_else_has_any_right(verb):
    for user in (AnonymousUser(), somebody(active=False), somebody(), somebody(("king", HERE))):
        assert scope_of(user, verb) == Scope()
        assert not may(user, verb, ticket(HERE, ME))
        with pytest.raises(PermissionDenied):
            require(user, verb, ticket(HERE, ME))


def test_table_knows_the_roles_of_the_specification_only():
    known = set(Role.values) | {"customer", "customer_admin"}
    assert {role for roles in rights_table().values() for role in roles} <= known
    assert {scope for roles in rights_table().values() for scope in roles.values()} == {
        "own",
        "department",
        "all",
    }


def test_leader_here_and_agent_there_overrides_a_guard_here_only():
    user = somebody(("leader", HERE), ("agent", ELSEWHERE))
    assert may(user, "guard_override", ticket(HERE))
    assert not may(user, "guard_override", ticket(ELSEWHERE))
    assert may(user, "ticket_reply", ticket(ELSEWHERE))


@pytest.mark.parametrize("verb", VERBS)
def test_widest_scope_counts(verb):
    user = somebody(("developer", HERE), ("admin", None))
    both = [scope_of(somebody(row), verb) for row in (("developer", HERE), ("admin", None))]
    assert bool(scope_of(user, verb)) == any(map(bool, both))
    assert scope_of(user, verb).everywhere == any(scope.everywhere for scope in both)


def test_flags_of_the_account_give_no_right():
    # A09: rights come from memberships only
    user = somebody()
    user.is_superuser = True
    assert not any(may(user, verb) for verb in VERBS)


@pytest.mark.parametrize("role", Role.values)
def test_second_factor_is_demanded_of_four_roles(role):
    #
    assert needs_second_factor(somebody((role, HERE))) == (role in {"admin", "leader", "finance", "dpo"})


@pytest.mark.django_db
@pytest.mark.parametrize("role", Role.values)
def test_lists_show_what_the_single_question_allows(person, arrive, role):
    """`visible_to` and `may` never disagree (A07)."""
    place = "suporte"
    user = person("livia", role, place)
    arrive(sender="ana@cliente.example")
    arrive(sender="bia@cliente.example", department="financeiro")
    own = arrive(sender="caio@cliente.example", department="financeiro").ticket
    Ticket.objects.filter(pk=own.pk).update(assignee=user)
    everything = list(Ticket.objects.all())
    assert len(everything) == 3
    for verb in ("ticket_read", "ticket_reply", "ticket_assign", "ticket_export"):
        listed = set(tickets_with(Ticket.objects.all(), user, verb))
        assert listed == {each for each in everything if may(user, verb, each)}
    assert set(Ticket.objects.visible_to(user)) == {
        each for each in everything if may(user, "ticket_read", each)
    }


@pytest.mark.django_db
def test_removed_from_the_department_nothing_is_seen_at_the_next_request(person, arrive):
    # A08
    user = person("livia")
    found = arrive().ticket
    assert Ticket.objects.visible_to(user).get() == found
    user.memberships.all().delete()
    assert not Ticket.objects.visible_to(User.objects.get(pk=user.pk)).exists()


def test_anonymous_object_without_flags_is_nobody():
    assert not may(SimpleNamespace(is_authenticated=False, is_active=True), "ticket_read")
