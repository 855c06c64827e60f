"""Decides how a ticket is made by hand: by writing first, or by registering what somebody said (R-003, R-077)."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from channels_inbox.models import MessageAttachment
from helpdesk.people.contacts import canonical_email
from helpdesk.people.models import Contact, ContactAddress, User
from tickets.dispatch import NothingToSend
from tickets.forms import NewTicketForm
from tickets.models import Department
from tickets.permissions import may
from tickets.start import start_ticket
from tickets.uploads import MAX_DRAFT_FILES, find_kept, sign_kept, store_files
from tickets.views.access import DeskRequest, desk_view, forbid, read_form, show
from tickets.views.queue import shell

SUGGESTED = 6
SHORTEST_PREFIX = 3


@desk_view("GET", "HEAD", "POST")
def new(request: DeskRequest) -> HttpResponse:
    """The page that opens a ticket by hand."""
    if not may(request.user, "ticket_create"):
        return forbid()
    about: dict[str, Any] = {"departments": Department.objects.filter(active=True), "user": request.user}
    if request.method != "POST":
        initial = {"key": uuid.uuid4().hex, "department": _own_department(request), "how": "mail"}
        return _page(request, NewTicketForm(initial=initial, **about))
    form = read_form(request, NewTicketForm, **about)
    if form.is_valid():
        try:
            ticket = _start(request.user, form.cleaned_data)
        except NothingToSend as error:
            form.add_error(None, str(error))
        except PermissionDenied:
            form.add_error(
                "how", _("You do not write to customers in the name of this department. Only register it.")
            )
        else:
            messages.success(request, _("Ticket %(protocol)s opened") % {"protocol": ticket.protocol})
            seen = may(request.user, "ticket_read", ticket)
            return redirect("tickets:ticket", pk=ticket.pk) if seen else redirect("tickets:queue")
    return _page(request, form, status=422)


def _page(request: DeskRequest, form: NewTicketForm, *, status: int = 200) -> HttpResponse:
    """Show the form. A refused one keeps the files that came with it, each under a signature (A27)."""
    kept = _keep(request) if form.is_bound else []
    values = {
        "form": form,
        "kept": [
            {"name": each.name, "size": each.size, "signed": sign_kept(request.user, each)} for each in kept
        ],
    }
    return show(request, "tickets/new.html", {**shell(request), **values}, status=status)


def _keep(request: DeskRequest) -> list[MessageAttachment]:
    """Store what a refused form brought, as far as each file alone would be taken; return all it holds now."""
    kept = find_kept(request.user, request.POST.getlist("kept"))
    room = MAX_DRAFT_FILES - len(kept)
    fitting = [
        each for each in request.FILES.getlist("files") if (each.size or 0) <= settings.MAX_ATTACHMENT_BYTES
    ]
    for each in fitting:
        each.seek(0)
    return [*kept, *store_files(fitting[: max(0, room)])]


def _own_department(request: DeskRequest) -> Department | None:
    return Department.objects.visible_to(request.user).filter(active=True).first()


def _start(user: User, clean: dict[str, Any]) -> Any:
    with transaction.atomic():
        return start_ticket(
            actor=user,
            name=clean["name"],
            email=clean["email"],
            department=clean["department"],
            subject=clean["subject"],
            message=clean["message"],
            send_mail=clean["how"] == "mail",
            stopped=clean["stopped"],
            attachments=[*clean["kept"], *store_files(clean["files"])],
            idem_key=f"new:{user.pk}:{clean['key']}",
        )


@desk_view()
def contacts(request: DeskRequest) -> HttpResponse:
    """People who may be meant: by the beginning of the name or address typed so far; nothing for less than three."""
    if not may(request.user, "ticket_create"):
        return forbid()
    typed = (request.GET.get("email") or request.GET.get("name") or "").strip()[:200]
    found: list[dict[str, str]] = []
    if len(typed) >= SHORTEST_PREFIX:
        rows = ContactAddress.objects.filter(kind="email").select_related("contact__organization")
        wanted = Q(value__startswith=canonical_email(typed)) | Q(contact__name__istartswith=typed)
        found = [
            _suggestion(row.contact, row.value) for row in rows.filter(wanted).order_by("value")[:SUGGESTED]
        ]
    return show(request, "tickets/_contacts.html", {"found": found})


def _suggestion(contact: Contact, address: str) -> dict[str, str]:
    company = contact.organization.name if contact.organization else ""
    return {"name": contact.name, "email": address, "company": company}
