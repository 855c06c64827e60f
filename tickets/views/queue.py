"""Decides how the desk's list answers: the page, its fragments, one row, and the rail with its counters."""

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.urls import reverse

from channels_inbox.watch import trouble_sentence, troubled_channels
from helpdesk.people.signed_in import TeamRequest
from tickets.forms import ListForm
from tickets.models import Department, Ticket
from tickets.models.ticket import Status
from tickets.permissions import may
from tickets.queues import COUNTED, VIEWS, Selection, counters, group_of, page_of, row_of, shown_count
from tickets.rows import RowWriter, grouped
from tickets.views.access import DeskRequest, desk_view, show


@desk_view()
def queue(request: DeskRequest) -> HttpResponse:
    """The desk with nothing open: rail and list."""
    return show(request, "tickets/queue.html", {**frame(request), "troubles": troubles_for(request)})


@desk_view()
def ticket_list(request: DeskRequest) -> HttpResponse:
    """The list alone, as it is now; `current` marks the open ticket."""
    current = request.GET.get("current", "")
    return show(
        request,
        "tickets/_ticket_list.html",
        list_values(request, current=int(current) if current.isdecimal() and len(current) < 19 else None),
    )


@desk_view()
def ticket_rows(request: DeskRequest) -> HttpResponse:
    """The next page of rows, for «show more»."""
    selection, cursor = ListForm(request.GET).selection(), request.GET.get("cursor", "")
    page = page_of(request.user, selection, cursor=cursor)
    after = "" if selection.finished or not cursor else group_of(cursor)
    return show(request, "tickets/_ticket_rows.html", _rows(page, selection, {}, after=after))


@desk_view()
def ticket_row(request: DeskRequest, pk: int) -> HttpResponse:
    """One row of a list; no content when the ticket does not belong to that list (any more)."""
    selection = ListForm(request.GET).selection()
    facts = row_of(request.user, selection, pk)
    if facts is None:
        return HttpResponse(status=204)
    current = pk if request.GET.get("current") == str(pk) else None
    return show(
        request, "tickets/_ticket_row.html", {"row": RowWriter(selection, current=current).write(facts)}
    )


@desk_view()
def rail(request: DeskRequest) -> HttpResponse:
    """The rail with fresh counters."""
    selection = None if request.GET.get("off") else ListForm(request.GET).selection()
    return show(request, "tickets/_rail.html", shell(request, selection))


def shell(request: TeamRequest, selection: Selection | None = None) -> dict[str, Any]:
    """Return the values of the rail alone, for pages that show no list; two statements."""
    departments = departments_of(request)
    counts = counters(request.user, departments, None)
    return rail_values(request, selection, departments, counts)


def frame(request: TeamRequest, *, ticket: Ticket | None = None) -> dict[str, Any]:
    """Return the values of the whole desk around a ticket or around none; three statements."""
    selection = ListForm(request.GET).selection()
    departments = departments_of(request)
    counts = counters(request.user, departments, selection)
    return {
        **rail_values(request, selection, departments, counts),
        **_list(request, selection, departments, counts, current=ticket.pk if ticket else None),
    }


def troubles_for(request: TeamRequest) -> list[str]:
    """Return what is wrong with the channels, said to those who can mend it (R-149)."""
    if not may(request.user, "settings_write"):
        return []
    return [trouble_sentence(channel) for channel in troubled_channels()]


def list_values(request: DeskRequest, *, current: int | None) -> dict[str, Any]:
    """Return the values of the list fragment."""
    selection = ListForm(request.GET).selection()
    departments = departments_of(request)
    counts = counters(request.user, departments, selection)
    values = _list(request, selection, departments, counts, current=current)
    return {**values, "troubles": troubles_for(request)}


def departments_of(request: TeamRequest) -> list[Department]:
    """Return the departments whose queue the user may open."""
    return list(Department.objects.visible_to(request.user).filter(active=True))


def _list(
    request: TeamRequest,
    selection: Selection,
    departments: list[Department],
    counts: dict[str, int],
    *,
    current: int | None,
) -> dict[str, Any]:
    page = page_of(request.user, selection)
    total = sum(number for name, number in counts.items() if name.startswith("group:"))
    department = next((each for each in departments if each.pk == selection.department), None)
    return {
        **_rows(page, selection, counts, current=current),
        "title": department.label if department and selection.view == "queues" else VIEWS[selection.view][0],
        "total": "" if selection.finished else shown_count(total),
        "statuses": Status.choices,
        "departments": departments,
        "views": [(key, title) for key, (title, _icon) in VIEWS.items()],
        "unassigned": counts.get("view:unassigned", 0),
        "may_create": may(request.user, "ticket_create"),
    }


def _rows(
    page: Any, selection: Selection, counts: dict[str, int], *, current: int | None = None, after: str = ""
) -> dict[str, Any]:
    writer = RowWriter(selection, current=current)
    if selection.finished:
        rows = [writer.write(facts) for facts in page.rows]
        groups = [{"name": "finished", "title": VIEWS["finished"][0], "shown": False, "rows": rows}]
    else:
        groups = grouped(page.rows, writer, counts, after=after)
    return {
        "groups": groups if page.rows else [],
        "next": page.next,
        "selection": selection,
        "query": selection.query(),
    }


def rail_values(
    request: TeamRequest,
    selection: Selection | None,
    departments: list[Department],
    counts: dict[str, int],
) -> dict[str, Any]:
    """Return the values of the rail: links, counters, and the doors that exist for this person."""
    here = selection.query() if selection else None
    views = [(Selection(key), label, icon) for key, (label, icon) in VIEWS.items()]
    return {
        "selection": selection,
        "rail_views": [
            {
                "label": label,
                "icon": icon,
                "query": each.query(),
                "count": shown_count(counts[f"view:{each.view}"]) if each.view in COUNTED else "",
                "hot": each.view == "stopped" and counts["view:stopped"] > 0,
                "current": each.query() == here,
            }
            for each, label, icon in views
        ],
        "rail_departments": [
            {
                "label": department.label,
                "query": Selection(department=department.pk).query(),
                "count": shown_count(counts[f"department:{department.pk}"]),
                "current": Selection(department=department.pk).query() == here,
            }
            for department in departments
        ],
        "doors": doors_of(request),
    }


def doors_of(request: TeamRequest) -> dict[str, str]:
    """Return the addresses outside the desk this person may open: set-up, local mailbox."""
    admin = may(request.user, "settings_write") or may(request.user, "audit_read")
    return {
        "admin": reverse("admin:index") if admin else "",
        "mailbox": reverse("tickets:mailbox") if settings.LOCAL_MAILBOX else "",
    }
