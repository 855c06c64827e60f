"""Decides how an open ticket answers: the page, the conversation, a page of the thread, and the context beside it."""

from typing import Any

from django.db.models import OuterRef, Q, Subquery
from django.db.models.functions import Substr
from django.http import HttpResponse

from tickets.forms import IdentifyForm, ListForm
from tickets.lifecycle import MOVES
from tickets.models import Participant, ThreadEntry, Ticket
from tickets.models.ticket import FINISHED, Outcome, Status
from tickets.permissions import may
from tickets.queues import mark_read
from tickets.timeline import timeline_of
from tickets.views.access import DeskRequest, desk_view, find_ticket, show
from tickets.views.drafts import draft_values
from tickets.views.queue import frame

HISTORY = 5
OFFERED_OUTCOMES = [
    choice for choice in Outcome.choices if choice[0] not in (Outcome.DUPLICATE, Outcome.SPAM)
]


@desk_view()
def ticket(request: DeskRequest, pk: int) -> HttpResponse:
    """The desk with a ticket open, as a page of its own."""
    found = find_ticket(request, pk, whole=True)
    values = {**frame(request, ticket=found), **conversation_values(request, found)}
    return show(request, "tickets/queue.html", values)


@desk_view()
def conversation(request: DeskRequest, pk: int) -> HttpResponse:
    """The conversation pane, for the swap from the list."""
    found = find_ticket(request, pk, whole=True)
    return show(
        request, "tickets/_conversation.html", {**conversation_values(request, found), "swapped": True}
    )


@desk_view()
def thread(request: DeskRequest, pk: int) -> HttpResponse:
    """The thread again: from entry `since` on (what the screen shows), else its last page."""
    found = find_ticket(request, pk, whole=True)
    mark_read(request.user, found)
    since = _number(request, "since")
    values = {"ticket": found, "timeline": timeline_of(found, request.user, since=since)}
    return show(request, "tickets/_thread.html", values | rights_of(request, found))


@desk_view()
def thread_earlier(request: DeskRequest, pk: int) -> HttpResponse:
    """The page of entries before one."""
    found = find_ticket(request, pk, whole=True)
    before = _number(request, "before")
    values = {"ticket": found, "timeline": timeline_of(found, request.user, before=before)}
    return show(request, "tickets/_thread_items.html", values | rights_of(request, found))


@desk_view()
def ticket_header(request: DeskRequest, pk: int) -> HttpResponse:
    """The header of the conversation: status, people, trio."""
    found = find_ticket(request, pk, whole=True)
    return show(request, "tickets/_ticket_header.html", header_values(request, found))


@desk_view()
def sidebar(request: DeskRequest, pk: int) -> HttpResponse:
    """The context: who writes, from where, and what there was before (R-004)."""
    found = find_ticket(request, pk, whole=True)
    return show(request, "tickets/_sidebar.html", sidebar_values(request, found))


def _number(request: DeskRequest, name: str) -> int:
    value = request.GET.get(name, "")
    return int(value) if value.isdecimal() and len(value) < 19 else 0


def conversation_values(request: DeskRequest, found: Ticket) -> dict[str, Any]:
    """Return the values of the conversation pane; the ticket counts as read."""
    mark_read(request.user, found)
    timeline = timeline_of(found, request.user)
    return {
        **header_values(request, found),
        "timeline": timeline,
        **draft_values(request, found, last_entry=found.last_entry_id),
        "query": ListForm(request.GET).selection().query(),
    }


def header_values(request: DeskRequest, found: Ticket) -> dict[str, Any]:
    """Return the values of the header, with only the moves that exist and that this person may make (D.8)."""
    return {"ticket": found, **rights_of(request, found), **_moves(request, found), **_other(request, found)}


def rights_of(request: DeskRequest, found: Ticket) -> dict[str, bool]:
    """Return what the person may do with the ticket, for showing no dead button."""
    verbs = {
        "may_reply": "ticket_reply",
        "may_note": "ticket_note",
        "may_assign": "ticket_assign",
        "may_merge": "ticket_merge",
    }
    return {name: may(request.user, verb, found) for name, verb in verbs.items()}


def _moves(request: DeskRequest, found: Ticket) -> dict[str, Any]:
    allowed = MOVES[found.status]
    if found.status == Status.CLOSED and not may(request.user, "ticket_reopen_closed", found):
        allowed = frozenset()
    verb = {status: "ticket_resolve" if status in FINISHED else "ticket_reply" for status in allowed}
    moves = [
        (key, label)
        for key, label in Status.choices
        if key in allowed and may(request.user, verb[key], found)
    ]
    after_reply = MOVES[Status.OPEN if found.status == Status.NEW else found.status]
    return {
        "moves": [move for move in moves if move[0] != Status.RESOLVED],
        "can_resolve": any(key == Status.RESOLVED for key, _label in moves),
        "then_wait": Status.WAITING_CUSTOMER in after_reply,
        "then_resolve": Status.RESOLVED in after_reply and may(request.user, "ticket_resolve", found),
        "outcomes": OFFERED_OUTCOMES,
    }


def _other(request: DeskRequest, found: Ticket) -> dict[str, Any]:
    """Return the ticket this one may continue or was joined to, when the user may see it."""
    wanted = found.merged_into_id or found.possible_follow_up_of_id
    if wanted is None:
        return {"other": None}
    return {"other": Ticket.objects.visible_to(request.user).filter(pk=wanted).first()}


def sidebar_values(
    request: DeskRequest, found: Ticket, *, form: IdentifyForm | None = None
) -> dict[str, Any]:
    """Return the values of the context beside the conversation."""
    copied = found.participants.filter(removed=False, kind=Participant.Kind.COPIED).select_related("contact")
    return {
        "ticket": found,
        **rights_of(request, found),
        "addresses": list(found.contact.addresses.order_by("id")),
        "copied": list(copied.prefetch_related("contact__addresses")),
        "history": history_of(request, found),
        "may_identify": may(request.user, "contact_write"),
        "identify": form or IdentifyForm(initial=IdentifyForm.of(found)),
    }


def history_of(request: DeskRequest, found: Ticket) -> list[dict[str, Any]]:
    """Return the last five tickets of the same person or company; hidden ones show four fields only (R-004)."""
    same = Q(contact=found.contact_id)
    if found.contact.organization_id:
        same |= Q(contact__organization=found.contact.organization_id)
    note = ThreadEntry.objects.filter(ticket=OuterRef("pk"), kind=ThreadEntry.Kind.NOTE).order_by("-id")
    rows = (
        Ticket.objects.filter(same)
        .exclude(pk=found.pk)
        .select_related("department")
        .annotate(last_note=Subquery(note.values(short=Substr("text", 1, 160))[:1]))
        .order_by("-id")[:HISTORY]
    )
    return [_past(request, row) for row in rows]


def _past(request: DeskRequest, row: Any) -> dict[str, Any]:
    four = {
        "protocol": row.protocol,
        "at": row.created_at,
        "department": row.department.label,
        "status": row.get_status_display(),
    }
    if not may(request.user, "ticket_read", row):
        return four
    return {
        **four,
        "id": row.pk,
        "subject": row.subject,
        "outcome": row.get_outcome_display(),
        "note": row.last_note,
    }
