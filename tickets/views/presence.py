"""Decides how a browser says that somebody is on a ticket, and is told who else is (R-092)."""

from django.http import HttpResponse

from tickets import presence
from tickets.forms import PresenceForm
from tickets.views.access import DeskRequest, desk_view, find_ticket, read_form, refuse, show


@desk_view("POST")
def beat(request: DeskRequest, pk: int) -> HttpResponse:
    """Take the state of this person on the ticket; answer who else is there."""
    ticket = find_ticket(request, pk)
    form = read_form(request, PresenceForm)
    if not form.is_valid():
        return refuse("", status=422)
    presence.note(ticket, request.user, form.cleaned_data["state"])
    people = presence.others(ticket, request.user)
    writing = [each.first_name for each in people if each.writing]
    viewing = [each.first_name for each in people if not each.writing]
    values = {"ticket": ticket, "people": people, "writing": writing, "viewing": viewing}
    return show(request, "tickets/_presence.html", values)
