"""Decides what people may do to a ticket by a click; each is one form, one right and one call of the core."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from channels_inbox import outbox
from helpdesk.people.models import User
from tickets import assignment, events, follow_up, lifecycle, tracking
from tickets.forms import (
    AssignForm,
    DeliveryForm,
    DepartmentForm,
    FollowUpForm,
    IdentifyForm,
    NothingForm,
    StatusForm,
    TrioForm,
)
from tickets.identification import identify_customer
from tickets.models import Department, EntryDelivery, Participant, Ticket
from tickets.permissions import departments_with, may
from tickets.trio import set_trio
from tickets.views.access import DeskRequest, desk_view, find_ticket, forbid, read_form, refuse, say, show
from tickets.views.changed import changed
from tickets.views.thread import header_values, sidebar_values

Action = Callable[..., HttpResponse]


def ticket_action(verb: str, form: type[forms.Form] = NothingForm) -> Callable[[Action], Action]:
    """Make a POST view of an action: fetch what the user may see, ask for the right, read the form, call, answer.

    A move that does not exist answers 409, a missing right 403, both with a toast and nothing changed.
    """

    def decorate(action: Action) -> Action:
        @desk_view("POST")
        @wraps(action)
        def run(request: DeskRequest, pk: int, **kwargs: Any) -> HttpResponse:
            ticket = find_ticket(request, pk, whole=True)
            if not may(request.user, verb, ticket):
                return forbid()
            bound = read_form(request, form)
            if not bound.is_valid():
                return refuse(_("That value is not allowed here."), status=422)
            try:
                return action(request, ticket, bound.cleaned_data, **kwargs)
            except lifecycle.InvalidMove as error:
                return refuse(error.message)
            except PermissionDenied:
                return forbid()

        return run

    return decorate


@ticket_action("ticket_reply", StatusForm)
def status(request: DeskRequest, ticket: Ticket, clean: dict[str, Any]) -> HttpResponse:
    lifecycle.change_status(ticket, clean["to"], actor=request.user, outcome=clean["outcome"])
    return changed(request, ticket)


@ticket_action("ticket_assign", AssignForm)
def assign(request: DeskRequest, ticket: Ticket, clean: dict[str, Any]) -> HttpResponse:
    """Take the ticket, give it to a colleague, or to nobody."""
    to = request.user if clean["to"] == "me" else None
    if clean["to"].isdecimal():
        to = User.objects.filter(pk=clean["to"], is_active=True).first()
        if to is None:
            raise Http404
    assignment.assign(ticket, actor=request.user, to=to)
    return changed(request, ticket)


@ticket_action("ticket_assign", DepartmentForm)
def department(request: DeskRequest, ticket: Ticket, clean: dict[str, Any]) -> HttpResponse:
    """Move the ticket; the right is needed on both sides (A08)."""
    assignment.move_to_department(ticket, actor=request.user, to=clean["to"])
    return say(changed(request, ticket), _("Moved to %(name)s") % {"name": clean["to"].label})


@ticket_action("ticket_reply", TrioForm)
def trio(request: DeskRequest, ticket: Ticket, clean: dict[str, Any]) -> HttpResponse:
    set_trio(ticket, actor=request.user, **clean)
    return changed(request, ticket)


@ticket_action("ticket_reply", FollowUpForm)
def decide_follow_up(request: DeskRequest, ticket: Ticket, clean: dict[str, Any]) -> HttpResponse:
    """Join a possible follow-up to its ticket, keep it apart, or take that back (R-128)."""
    if clean["decision"] == "join":
        try:
            target = follow_up.join(ticket, actor=request.user)
        except ValueError:
            return refuse(_("There is nothing to join any more."))
        return HttpResponse(headers={"HX-Redirect": reverse("tickets:ticket", args=[target.pk])})
    decide = follow_up.keep_apart if clean["decision"] == "apart" else follow_up.reconsider
    decide(ticket, actor=request.user)
    return changed(request, ticket)


@ticket_action("ticket_reply")
def revoke_links(request: DeskRequest, ticket: Ticket, clean: dict[str, Any]) -> HttpResponse:
    """Cancel every tracking link sent so far; the next message carries a fresh one (R-130)."""
    number = tracking.revoke_links(ticket)
    if number:
        events.record("links_revoked", ticket, actor=request.user)
    said = ngettext("%(n)s link cancelled", "%(n)s links cancelled", number) % {"n": number}
    return say(changed(request, ticket), said)


@ticket_action("ticket_reply", DeliveryForm)
def decide_delivery(
    request: DeskRequest, ticket: Ticket, clean: dict[str, Any], delivery: int
) -> HttpResponse:
    """Settle a message nobody can be sure of, or try a failed one again."""
    row = EntryDelivery.objects.filter(pk=delivery, entry__ticket=ticket).select_related("outbound").first()
    if row is None:
        raise Http404
    arrived = clean["decision"] == "arrived"
    done = outbox.resolve_uncertain(row.outbound, arrived=arrived) or (
        not arrived and outbox.send_again(row.outbound)
    )
    if not done:
        return refuse(_("This message is in another state by now."))
    return changed(request, ticket)


@ticket_action("ticket_reply")
def remove_participant(
    request: DeskRequest, ticket: Ticket, clean: dict[str, Any], participant: int
) -> HttpResponse:
    """A person in copy gets no further mail (R-134)."""
    copied = Participant.objects.filter(pk=participant, ticket=ticket, kind=Participant.Kind.COPIED)
    if not copied.update(removed=True):
        raise Http404
    return show(request, "tickets/_sidebar.html", sidebar_values(request, ticket))


@ticket_action("contact_write", IdentifyForm)
def identify(request: DeskRequest, ticket: Ticket, clean: dict[str, Any]) -> HttpResponse:
    """Say who the customer is (R-003)."""
    identify_customer(ticket, actor=request.user, **clean)
    found = find_ticket(request, ticket.pk, whole=True)
    return say(
        show(request, "tickets/_sidebar.html", sidebar_values(request, found)), _("Customer identified")
    )


@desk_view()
def trio_form(request: DeskRequest, pk: int) -> HttpResponse:
    """The trio as a form, in its place."""
    ticket = find_ticket(request, pk, whole=True)
    if not may(request.user, "ticket_reply", ticket):
        return forbid()
    initial = {"now": ticket.now, "next_step": ticket.next_step, "when": ticket.when}
    return show(request, "tickets/_trio_form.html", {"ticket": ticket, "form": TrioForm(initial=initial)})


@desk_view()
def trio_shown(request: DeskRequest, pk: int) -> HttpResponse:
    """The trio as it stands, for «cancel»."""
    ticket = find_ticket(request, pk, whole=True)
    return show(request, "tickets/_trio.html", header_values(request, ticket))


@desk_view()
def assignee_menu(request: DeskRequest, pk: int) -> HttpResponse:
    """The people who may work this ticket, loaded when the menu opens."""
    ticket = find_ticket(request, pk, whole=True)
    people = assignment.people_who_may_work(ticket) if may(request.user, "ticket_assign", ticket) else []
    return show(request, "tickets/_assignee_menu.html", {"ticket": ticket, "people": people})


@desk_view()
def department_menu(request: DeskRequest, pk: int) -> HttpResponse:
    """The departments this ticket may be moved to: those where this person may assign."""
    ticket = find_ticket(request, pk, whole=True)
    reachable = departments_with(Department.objects.filter(active=True), request.user, "ticket_assign")
    departments = list(reachable) if may(request.user, "ticket_assign", ticket) else []
    return show(request, "tickets/_department_menu.html", {"ticket": ticket, "departments": departments})
