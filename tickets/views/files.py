"""Decides who of the team gets which file: whoever may read the ticket; a draft's file only its author (A07, A27)."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.dateparse import parse_datetime
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from tickets import original_mail
from tickets.attachments import bytes_response, file_response, picture_response
from tickets.models import DraftFile, EntryAttachment, ThreadEntry, Ticket
from tickets.views.access import DeskRequest, desk_view, show


@desk_view()
def attachment(request: DeskRequest, pk: int) -> HttpResponse:
    """A file of an entry; `?ver=1` shows a picture, drawn anew."""
    entries = ThreadEntry.objects.visible_to(request.user)
    files = EntryAttachment.objects.filter(entry__in=entries).select_related("file")
    return file_response(get_object_or_404(files, pk=pk).file, show=request.GET.get("ver") == "1")


@desk_view()
def draft_file(request: DeskRequest, pk: int) -> HttpResponse:
    """A file of an own draft, on a ticket the person may still read."""
    tickets = Ticket.objects.visible_to(request.user)
    files = DraftFile.objects.filter(draft__user=request.user, draft__ticket__in=tickets).select_related(
        "file"
    )
    return file_response(get_object_or_404(files, pk=pk).file, show=request.GET.get("ver") == "1")


@desk_view()
def original(request: DeskRequest, pk: int) -> HttpResponse:
    """The whole mail behind an entry: its headers, and a sandboxed frame for the rest."""
    entry = _entry(request, pk)
    mail = original_mail.read_whole(entry)
    values = {
        "entry": entry,
        "mail": mail,
        "date": parse_datetime(mail.date) if mail and mail.date else None,
        "ticket": entry.ticket,
    }
    return show(request, "tickets/original.html", values, status=200 if mail else 422)


@xframe_options_sameorigin
@desk_view()
def original_frame(request: DeskRequest, pk: int) -> HttpResponse:
    """The mail itself, for the frame: runs nothing, loads nothing but the pictures that came with it."""
    entry = _entry(request, pk)
    mail = original_mail.read_whole(entry)
    response = HttpResponse(mail.document if mail else "", status=200 if mail else 422)
    response["Content-Security-Policy"] = original_mail.frame_policy()
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return response


@desk_view()
def original_raw(request: DeskRequest, pk: int) -> HttpResponse:
    """The mail byte for byte, as a download."""
    entry = _entry(request, pk)
    return bytes_response(original_mail.raw_of(entry), name=f"{entry.ticket.protocol}-{entry.pk}.eml")


def _entry(request: DeskRequest, pk: int) -> ThreadEntry:
    entries = ThreadEntry.objects.visible_to(request.user)
    return get_object_or_404(entries.select_related("ticket", "inbound__channel"), pk=pk)


@require_safe
def original_picture(request: HttpRequest, signed: str) -> HttpResponse:
    """A picture that came with a mail, for the frame: it has no cookie, so the address itself is the permission."""
    return picture_response(original_mail.signed_picture(signed).file)
