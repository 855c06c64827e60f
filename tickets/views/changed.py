"""Decides what comes back after something was done to a ticket: header and thread, and the composer when it changed."""

from django.http import HttpResponse
from django.urls import reverse

from tickets.forms import ListForm
from tickets.models import Ticket
from tickets.queues import mark_read, row_of
from tickets.rows import RowWriter
from tickets.timeline import timeline_of
from tickets.views.access import DeskRequest, for_page, show
from tickets.views.drafts import draft_values
from tickets.views.thread import header_values


def changed(request: DeskRequest, ticket: Ticket, *, composer: bool = False) -> HttpResponse:
    """Answer an action: the header as the target's swap, thread, row and (when asked) composer out of band.

    The ticket is fetched again through `visible_to`: who gave it away and may not see it any more goes to the list.
    """
    found = for_page(Ticket.objects.visible_to(request.user)).filter(pk=ticket.pk).first()
    if found is None:
        return HttpResponse(headers={"HX-Redirect": reverse("tickets:queue")})
    mark_read(request.user, found)
    selection = ListForm(request.GET).selection()
    facts = row_of(request.user, selection, found.pk)
    values = {
        **header_values(request, found),
        "timeline": timeline_of(found, request.user),
        "row": RowWriter(selection, current=found.pk).write(facts) if facts else None,
        "query": selection.query(),
        "oob": True,
        "composer": composer,
    }
    if composer:
        values |= draft_values(request, found, last_entry=found.last_entry_id)
    return show(request, "tickets/_changed.html", values)
