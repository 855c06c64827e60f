"""Decides what open screens are told: the id of what changed, never its content."""

from helpdesk.lib import sse
from tickets.models import TicketEvent

TOPIC = "tickets"


def publish(event: TicketEvent) -> None:
    """Announce that a ticket changed. Losing it is harmless: a screen that reconnects fetches everything again."""
    ticket = event.ticket
    sse.publish(
        TOPIC, {"ticket": ticket.pk, "department": ticket.department_id, "assignee": ticket.assignee_id or 0}
    )
