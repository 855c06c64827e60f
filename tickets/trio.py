"""Decides what «agora, próximo passo, quando» say: three fields, one writer (R-026)."""

from datetime import datetime

from django.db import transaction

from helpdesk.lib.clock import app_now
from helpdesk.people.models import User
from tickets import events
from tickets.models import Ticket
from tickets.permissions import require


def set_trio(ticket: Ticket, *, actor: User, now: str, next_step: str, when: datetime | None) -> Ticket:
    """Write the three fields; the customer's page shows them at once. Raises `PermissionDenied`."""
    with transaction.atomic():
        ticket = Ticket.objects.select_for_update(no_key=True).get(pk=ticket.pk)
        require(actor, "ticket_reply", ticket)
        wanted = (now.strip()[:300], next_step.strip()[:300], when)
        if wanted == (ticket.now, ticket.next_step, ticket.when):
            return ticket
        before = [ticket.now, ticket.next_step, ticket.when.isoformat() if ticket.when else None]
        ticket.now, ticket.next_step, ticket.when = wanted
        ticket.updated_at = app_now()
        ticket.save(update_fields=["now", "next_step", "when", "updated_at"])
        events.record("trio_changed", ticket, actor=actor, data={"before": before})
    return ticket
