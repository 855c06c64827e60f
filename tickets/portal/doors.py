"""Decides how somebody without a ticket's link gets in: the help form, and the request for another link (A23).

Whoever fills these forms has proved nothing: the answers are the same for every address, and show nothing of it.
"""

from datetime import datetime
from typing import Any

from django.core import signing
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import get_language

from tickets.link_requests import ask
from tickets.models import Department, Ticket
from tickets.portal import caps
from tickets.portal.access import CustomerRequest, customer_page
from tickets.portal.forms import LinkForm, SubmitForm, new_key, new_stamp
from tickets.portal.page import first_reply_due
from tickets.portal.submissions import open_from_form
from tickets.uploads import read_files

RECEIPT_SALT = "tickets.portal.receipt"
RECEIPT_SECONDS = 24 * 3600


@customer_page("GET", "HEAD", "POST")
def renew(request: CustomerRequest) -> HttpResponse:
    """Ask for another link. Known and unknown addresses get one answer, and cost the same work (A15)."""
    if request.method != "POST":
        return render(request, "portal/renew.html", {"form": LinkForm()})
    form = LinkForm(request.POST)
    if not form.is_valid():
        return render(request, "portal/renew.html", {"form": form}, status=422)
    pause = caps.take(caps.LINKS_BY_PEER, caps.peer(request))
    if pause is not None:
        return render(request, "429.html", {"pause": pause}, status=429)
    if caps.take(caps.LINKS_BY_MAIL, form.cleaned_data["email"]) is None:
        ask(form.cleaned_data["email"], protocol=form.cleaned_data["protocol"])
    return HttpResponseRedirect(reverse("portal:renew") + "?pedido=1")


@customer_page("GET", "HEAD", "POST")
def submit(request: CustomerRequest) -> HttpResponse:
    """The help form: anybody may open a ticket (R-001); an account is never needed."""
    if request.method != "POST":
        return _form(request, SubmitForm(initial={"key": new_key()}))
    form = SubmitForm(request.POST, request.FILES)
    if not form.is_valid():
        return _form(request, form, status=422)
    values = form.cleaned_data
    pause = caps.take(caps.FORMS_BY_PEER, caps.peer(request)) or caps.take(
        caps.FORMS_BY_MAIL, values["email"]
    )
    if pause is not None:
        return _form(request, form, status=429, pause=pause)
    ticket = open_from_form(
        name=values["name"],
        email=values["email"],
        department=values["department"],
        subject=values["subject"],
        text=values["text"],
        files=read_files(values["files"]),
        key=values["key"],
        language=get_language() or "pt-br",
    )
    return HttpResponseRedirect(f"{reverse('portal:received')}?r={_receipt(request, ticket)}")


def _form(request: CustomerRequest, form: SubmitForm, *, status: int = 200, **more: Any) -> HttpResponse:
    departments = list(Department.objects.filter(active=True))
    chosen = str(form["department"].value() or next((each.pk for each in departments if each.is_default), ""))
    values = {
        "form": form,
        "site": request.company,
        "departments": departments,
        "chosen": chosen,
        "key": form["key"].value() or new_key(),
        "stamp": new_stamp(),
        **more,
    }
    return render(request, "portal/submit.html", values, status=status)


def _receipt(request: CustomerRequest, ticket: Ticket) -> str:
    """Return what the thank-you page says, signed: the number, and until when somebody answers."""
    due = first_reply_due(ticket.department, ticket.created_at, request.company)
    return signing.dumps([ticket.protocol, due.isoformat() if due else ""], salt=RECEIPT_SALT)


@customer_page()
def received(request: CustomerRequest) -> HttpResponse:
    """Thank, and say number and time; no link and no history, because the address may be somebody else's (A23)."""
    try:
        protocol, due = signing.loads(request.GET.get("r", ""), salt=RECEIPT_SALT, max_age=RECEIPT_SECONDS)
    except signing.BadSignature:
        return HttpResponseRedirect(reverse("portal:submit"))
    until: datetime | None = parse_datetime(due) if due else None
    return render(request, "portal/received.html", {"protocol": protocol, "due": until})
