"""Decides who may do what where: role × verb × scope of spec D.1 (R-401); the widest scope counts.

Pages fetch through `visible_to(user)`, which ends here; actions ask `may(user, verb, ticket)`.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet

if TYPE_CHECKING:
    from helpdesk.people.models import User
    from tickets.models import Ticket

Rows = TypeVar("Rows", bound=QuerySet[Any])
DATA = Path(__file__).parent / "data"
SECOND_FACTOR_ROLES = frozenset({"admin", "leader", "finance", "dpo"})


@dataclass(frozen=True)
class Scope:
    """How far a verb reaches for one person."""

    everywhere: bool = False
    departments: frozenset[int] = frozenset()
    own: bool = False

    def __bool__(self) -> bool:
        return self.everywhere or self.own or bool(self.departments)


@lru_cache
def rights_table() -> dict[str, dict[str, str]]:
    """Return verb → role → scope, as the specification gives it."""
    return yaml.safe_load((DATA / "rights.yaml").read_text(encoding="utf-8"))["rights"]


def memberships_of(user: "User") -> list[tuple[str, int | None]]:
    """Return (role, department id) pairs, read once per user object (one statement a request)."""
    cached = getattr(user, "_memberships", None)
    if cached is None:
        cached = list(user.memberships.values_list("role", "department_id")) if user.is_active else []
        user._memberships = cached  # type: ignore[attr-defined]  # a memo for one request
    return cached


def scope_of(user: Any, verb: str) -> Scope:
    """Return how far `verb` reaches for this user; nowhere for anonymous and switched-off people."""
    if not user.is_authenticated or not user.is_active:
        return Scope()
    by_role = rights_table()[verb]
    departments: set[int] = set()
    everywhere = own = False
    for role, department in memberships_of(user):
        scope = by_role.get(role)
        everywhere |= scope == "all"
        own |= scope == "own"
        if scope == "department" and department is not None:
            departments.add(department)
    return Scope(everywhere, frozenset(departments), own)


def may(user: Any, verb: str, ticket: "Ticket | None" = None) -> bool:
    """Whether the user may do `verb`, on this ticket when one is given."""
    scope = scope_of(user, verb)
    if ticket is None or scope.everywhere:
        return bool(scope)
    return ticket.department_id in scope.departments or (scope.own and ticket.assignee_id == user.pk)


def require(user: Any, verb: str, ticket: "Ticket | None" = None) -> None:
    """Raise `PermissionDenied` unless `may(user, verb, ticket)`."""
    if not may(user, verb, ticket):
        raise PermissionDenied(verb)


def may_in_department(user: Any, verb: str, department_id: int) -> bool:
    """Whether the verb reaches this department (moving needs the right on both sides, A08)."""
    scope = scope_of(user, verb)
    return scope.everywhere or department_id in scope.departments


def tickets_with(queryset: Rows, user: Any, verb: str) -> Rows:
    """Narrow a ticket queryset to what `verb` reaches for the user."""
    scope = scope_of(user, verb)
    if scope.everywhere:
        return queryset
    allowed = Q(department_id__in=scope.departments)
    if scope.own:
        allowed |= Q(assignee_id=user.pk)
    return queryset.filter(allowed) if scope else queryset.none()


def departments_with(queryset: Rows, user: Any, verb: str) -> Rows:
    """Narrow a department queryset to those `verb` reaches for the user."""
    scope = scope_of(user, verb)
    return queryset if scope.everywhere else queryset.filter(pk__in=scope.departments)


def needs_second_factor(user: "User") -> bool:
    """Whether one of the user's roles demands a second factor (R-426)."""
    return any(role in SECOND_FACTOR_ROLES for role, _department in memberships_of(user))
