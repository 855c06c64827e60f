"""Decides who works a ticket and where it lies: agent and department."""

from django.core.exceptions import PermissionDenied
from django.db import transaction

from helpdesk.lib.clock import app_now
from helpdesk.people.models import User
from tickets import events
from tickets.models import Department, Ticket
from tickets.permissions import may, may_in_department, require


def assign(ticket: Ticket, *, actor: User, to: User | None) -> Ticket:
    """Give a ticket to an agent who may work it, or to nobody. Raises `PermissionDenied`."""
    with transaction.atomic():
        ticket = Ticket.objects.select_for_update(no_key=True).get(pk=ticket.pk)
        require(actor, "ticket_assign", ticket)
        if to is not None and not may(to, "ticket_reply", ticket):
            raise PermissionDenied("the person has no right in this department")
        if ticket.assignee_id == (to.pk if to else None):
            return ticket
        ticket.assignee, ticket.updated_at = to, app_now()
        ticket.save(update_fields=["assignee", "updated_at"])
        kind = "assigned" if to else "unassigned"
        events.record(kind, ticket, actor=actor, data={"to": to.name, "to_id": to.pk} if to else {})
    return ticket


def move_to_department(ticket: Ticket, *, actor: User, to: Department) -> Ticket:
    """Move a ticket to another department; the right is needed on both sides (A08).

    An agent who has no right there loses the ticket. Raises `PermissionDenied`.
    """
    with transaction.atomic():
        ticket = (
            Ticket.objects.select_for_update(no_key=True, of=("self",))
            .select_related("department")
            .get(pk=ticket.pk)
        )
        require(actor, "ticket_assign", ticket)
        if not may_in_department(actor, "ticket_assign", to.pk):
            raise PermissionDenied("no right in the target department")
        if to.pk == ticket.department_id:
            return ticket
        came_from, ticket.department, ticket.updated_at = ticket.department, to, app_now()
        if ticket.assignee is not None and not may(ticket.assignee, "ticket_reply", ticket):
            ticket.assignee = None
        ticket.save(update_fields=["department", "assignee", "updated_at"])
        data = {"from": came_from.name, "to": to.name}
        events.record("department_changed", ticket, actor=actor, data=data)
    return ticket


def people_who_may_work(ticket: Ticket) -> list[User]:
    """People to whom the ticket can be given, by name."""
    people = (
        User.objects.filter(is_active=True, memberships__isnull=False)
        .distinct()
        .prefetch_related("memberships")
    )
    return sorted(
        (person for person in people if _may_work(person, ticket)), key=lambda person: person.name.lower()
    )


def _may_work(person: User, ticket: Ticket) -> bool:
    person._memberships = [(m.role, m.department_id) for m in person.memberships.all()]  # type: ignore[attr-defined]  # the memo of tickets.permissions
    return may(person, "ticket_reply", ticket)
