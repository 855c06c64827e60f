"""Decides how the customer's own ticket answers: the link, the page, the message, the files."""

import hashlib
from typing import Any

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render

from tickets.attachments import file_response
from tickets.models import EntryAttachment
from tickets.portal import caps
from tickets.portal.access import (
    Access,
    CustomerRequest,
    access_by_cookie,
    access_by_token,
    customer_page,
    give_cookie,
    in_language_of,
)
from tickets.portal.forms import MAX_TEXT, LinkForm, ReplyForm, new_key
from tickets.portal.page import last_solution, public_entries, reopen_until, situation_of, steps_of, thread_of
from tickets.portal.submissions import cancel_links, write_reply
from tickets.uploads import read_files


@customer_page()
def enter(request: CustomerRequest, token: str) -> HttpResponse:
    """A link of a mail: give the cookie of that ticket's page and go there; nothing else changes (R-130)."""
    peer = caps.peer(request)
    pause = caps.take(caps.GUESSES, peer)
    if pause is not None:
        return render(request, "429.html", {"pause": pause}, status=429)
    access = access_by_token(token)
    if access is None:
        return dead_link(request)
    caps.give_back(caps.GUESSES, peer)
    return give_cookie(HttpResponseRedirect(access.path), access)


def dead_link(request: CustomerRequest, *, protocol: str = "", text: str = "") -> HttpResponse:
    """Answer a link or cookie that opens nothing; what was typed stays on the page."""
    form = LinkForm(initial={"protocol": protocol})
    return render(request, "portal/expired.html", {"form": form, "text": text}, status=404)


@customer_page("GET", "HEAD", "POST")
def ticket(request: CustomerRequest, protocol: str) -> HttpResponse:
    """The ticket's page; a POST is a message from the customer."""
    access = access_by_cookie(request, protocol)
    if access is None:
        return dead_link(request, protocol=protocol, text=request.POST.get("text", "")[:MAX_TEXT])
    with in_language_of(access):
        if request.method == "POST":
            return _take_reply(request, access)
        if access.ticket.protocol != protocol:  # merged: the page goes on at the other ticket's address
            return give_cookie(HttpResponseRedirect(access.path), access)
        return _page(request, access, ReplyForm(initial={"key": new_key()}))


def _take_reply(request: CustomerRequest, access: Access) -> HttpResponse:
    form = ReplyForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, access, form, status=422)
    values = form.cleaned_data
    after = write_reply(access, text=values["text"], files=read_files(values["files"]), key=values["key"])
    response = HttpResponseRedirect(f"{after.path}?enviado=1#fim")
    return response if after.path == access.path else give_cookie(response, after)


def _page(request: CustomerRequest, access: Access, form: ReplyForm, *, status: int = 200) -> HttpResponse:
    values = {
        **_shown(request, access, before=_place(request.GET.get("antes", ""))),
        "form": form,
        "key": form["key"].value() or new_key(),
        "sent": "enviado" in request.GET and status == 200,
        "cancelled": "cancelados" in request.GET,
    }
    response = render(request, "portal/ticket.html", values, status=status)
    response["Content-Language"] = access.contact.language
    return response


def _place(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _shown(request: CustomerRequest, access: Access, *, before: int = 0) -> dict[str, Any]:
    """Return what the page and its live fragment have in common."""
    messages, earlier = thread_of(access, before=before)
    ticket, site = access.ticket, request.company
    return {
        "site": site,
        "access": access,
        "ticket": ticket,
        "steps": steps_of(ticket),
        "situation": situation_of(ticket, site),
        "messages_shown": messages,
        "earlier": earlier,
        "older_page": bool(before),
        "solution": last_solution(messages) if ticket.finished else None,
        "reopen_until": reopen_until(ticket, site) if ticket.finished else None,
    }


@customer_page()
def updates(request: CustomerRequest, protocol: str) -> HttpResponse:
    """What may have changed since the page was opened; 304 when nothing did."""
    access = access_by_cookie(request, protocol)
    if access is None or access.ticket.protocol != protocol:
        raise Http404
    with in_language_of(access):
        response = render(request, "portal/_updates.html", _shown(request, access))
    etag = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
    if request.headers.get("If-None-Match") == etag:
        response = HttpResponse(status=304)
    response["ETag"] = etag
    return response


@customer_page("POST")
def revoke(request: CustomerRequest, protocol: str) -> HttpResponse:
    """Cancel every link of the ticket; this browser stays in by a cookie of its own."""
    access = access_by_cookie(request, protocol)
    if access is None:
        return dead_link(request, protocol=protocol)
    after = cancel_links(access)
    return give_cookie(HttpResponseRedirect(f"{after.path}?cancelados=1#links"), after)


@customer_page()
def attachment(request: CustomerRequest, protocol: str, pk: int) -> HttpResponse:
    """A file of the public thread; one of a note, or of another ticket, is as absent as none (A07)."""
    access = access_by_cookie(request, protocol)
    if access is None:
        raise Http404
    files = EntryAttachment.objects.filter(entry__in=public_entries(access.ticket)).select_related("file")
    return file_response(get_object_or_404(files, pk=pk).file, show=request.GET.get("ver") == "1")
