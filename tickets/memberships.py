"""Decides who belongs where and who works here: the one writer of memberships and of the active state (R-401, R-426).

Each change is audited and ends the person's sessions and live streams; the last administrator cannot be lost.
"""

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from helpdesk.people.access import end_access
from helpdesk.people.audit import record
from helpdesk.people.models import User
from tickets.assignment import assign
from tickets.models import Department, Membership, Role, Ticket
from tickets.models.department import WITHOUT_DEPARTMENT
from tickets.permissions import may, require

Row = tuple[str, Department | None]


@transaction.atomic
def set_memberships(actor: User, user: User, rows: Iterable[Row]) -> bool:
    """Make these (role, department) rows the person's memberships; False when nothing changed.

    Tickets the person may no longer answer go back to their queues. Raises `PermissionDenied` without
    `user_write`, `ValidationError` for an impossible row or when the last administrator would be lost.
    """
    actor, administrators = _lock_and_require(actor)
    wanted = {(str(role), department.pk if department else None) for role, department in rows}
    for role, department_id in wanted:
        check_row(role, department_id)
    before: set[tuple[str, int | None]] = set(user.memberships.values_list("role", "department_id"))
    if wanted == before:
        return False
    if not any(role == Role.ADMIN for role, _department in wanted):
        _keep_an_administrator(administrators, without=user)
    for row in user.memberships.all():
        if (row.role, row.department_id) not in wanted:
            row.delete()
    Membership.objects.bulk_create(
        Membership(user=user, role=role, department_id=department_id)
        for role, department_id in wanted - before
    )
    user.__dict__.pop("_memberships", None)
    _give_back_tickets(user, actor=actor)
    record(
        "memberships_changed", actor=actor, subject=user.email, before=_listed(before), after=_listed(wanted)
    )
    end_access(user)
    return True


@transaction.atomic
def switch_off(actor: User, user: User) -> None:
    """End a person's access for good; the history stays, open tickets go back to their queues.

    Raises `PermissionDenied` without `user_write`, `ValidationError` for the last administrator.
    """
    actor, administrators = _lock_and_require(actor)
    if not user.is_active:
        return
    _keep_an_administrator(administrators, without=user)
    _set_active(user, False)
    _give_back_tickets(user, actor=actor)
    record("switched_off", actor=actor, subject=user.email)
    end_access(user)


@transaction.atomic
def switch_on(actor: User, user: User) -> None:
    """Let a person in again, with the memberships the person had. Raises `PermissionDenied` without `user_write`."""
    actor, _administrators = _lock_and_require(actor)
    if not user.is_active:
        _set_active(user, True)
        record("switched_on", actor=actor, subject=user.email)
        end_access(user)


def check_row(role: str, department_id: int | None) -> None:
    """Raise `ValidationError` for a role that does not exist or that needs a department."""
    if role not in Role.values:
        raise ValidationError(_("There is no such role."), code="role")
    if department_id is None and role not in WITHOUT_DEPARTMENT:
        raise ValidationError(_("This role needs a department."), code="department")


def _lock_and_require(actor: User) -> tuple[User, set[int]]:
    """Return the actor as of now, and the ids of the active administrators, whose rows are locked.

    Lock first, look afterwards: two of them who remove one another at the same moment come one after the other,
    and the second is no administrator any more. The actor's rights are those held before the change, also when
    somebody gives up the own role. Raises `PermissionDenied` without `user_write`.
    """
    administrators = Membership.objects.filter(role=Role.ADMIN).order_by("pk")
    list(administrators.select_for_update(of=("self",)).values_list("pk", flat=True))
    actor = User.objects.get(pk=actor.pk)
    require(actor, "user_write")
    return actor, set(administrators.filter(user__is_active=True).values_list("user_id", flat=True))


def _keep_an_administrator(administrators: set[int], *, without: User) -> None:
    if administrators == {without.pk}:
        raise ValidationError(
            _("This is the last administrator. Make another person administrator first."), code="last_admin"
        )


def _set_active(user: User, active: bool) -> None:
    user.is_active = active
    user.save(update_fields=["is_active"])
    user.__dict__.pop("_memberships", None)


def _give_back_tickets(user: User, *, actor: User) -> None:
    for ticket in Ticket.objects.unfinished().filter(assignee=user).order_by("pk"):
        if not may(user, "ticket_reply", ticket):
            assign(ticket, actor=actor, to=None)


def _listed(rows: set[tuple[str, int | None]]) -> list[list]:
    return sorted(([role, department] for role, department in rows), key=str)
