"""Decides how a browser says that somebody is on a ticket, and is told who else is (R-092)."""

from typing import Any

from django.http import HttpResponse

from tickets import presence
from tickets.forms import PresenceForm
from tickets.models import Ticket
from tickets.views.access import DeskRequest, show
from tickets.views.actions import ticket_action


@ticket_action("ticket_read", PresenceForm)
def beat(request: DeskRequest, ticket: Ticket, clean: dict[str, Any]) -> HttpResponse:
    """Take the state of this person on the ticket; answer who else is there."""
    presence.note(ticket, request.user, clean["state"])
    people = presence.others(ticket, request.user)
    writing = [each.first_name for each in people if each.writing]
    viewing = [each.first_name for each in people if not each.writing]
    values = {"ticket": ticket, "people": people, "writing": writing, "viewing": viewing}
    return show(request, "tickets/_presence.html", values)
