"""Decides how writing works: drafts, files, sending once, and taking a reply back."""

from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.forms import ValidationError
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from tickets import drafts
from tickets.dispatch import NothingToSend
from tickets.forms import DraftForm, NothingForm, SendForm, UploadForm
from tickets.lifecycle import InvalidMove
from tickets.models import ThreadEntry, Ticket
from tickets.permissions import may
from tickets.uploads import MAX_DRAFT_FILES, check_file, check_number, check_weight
from tickets.views.access import DeskRequest, desk_view, find_ticket, forbid, read_form, refuse, say, show
from tickets.views.changed import changed


@desk_view("POST")
def draft(request: DeskRequest, pk: int) -> HttpResponse:
    """Keep what is being written. An empty draft without files is no draft."""
    ticket = find_ticket(request, pk)
    form = read_form(request, DraftForm)
    if not form.is_valid():
        return refuse(_("The draft was not saved: it is too long."), status=422)
    if not may(request.user, "ticket_note", ticket):
        return forbid()
    clean = form.cleaned_data
    key = clean.pop("key")
    if key and drafts.written(_key(request, ticket, key)):
        return HttpResponse(status=204)  # a save that was on its way when the message was sent
    drafts.keep_text(request.user, ticket, **clean)
    return HttpResponse(status=204)


@desk_view("POST")
def upload(request: DeskRequest, pk: int) -> HttpResponse:
    """Keep one file for the draft, bound to its uploader (A27)."""
    ticket = find_ticket(request, pk)
    read_form(request, UploadForm)
    if not may(request.user, "ticket_note", ticket):
        return forbid()
    sent = request.FILES.get("file")
    if not isinstance(sent, UploadedFile):
        return refuse(_("No file came."), status=422)
    mine = drafts.own_draft(request.user, ticket)
    try:
        check_file(sent)
        check_number(mine.files.count() + 1, most=MAX_DRAFT_FILES)
        check_weight(drafts.weight_of(mine) + (sent.size or 0))
    except ValidationError as error:
        return refuse(error.messages[0], status=413 if error.code == "size" else 422)
    kept = drafts.add_file(mine, sent.read(), name=sent.name or "", content_type=sent.content_type or "")
    chip = {"id": kept.pk, "name": kept.file.name, "size": kept.file.size}
    return show(request, "tickets/_draft_file.html", {"chip": chip, "ticket": ticket})


@desk_view("POST")
def remove_file(request: DeskRequest, pk: int, file: int) -> HttpResponse:
    """Take a file out of the draft; the chip disappears."""
    ticket = find_ticket(request, pk)
    read_form(request, NothingForm)
    if not drafts.remove_file(request.user, ticket, file):
        raise Http404
    return HttpResponse("")


@desk_view("POST")
def discard(request: DeskRequest, pk: int) -> HttpResponse:
    """Throw the draft away, text and files."""
    ticket = find_ticket(request, pk, whole=True)
    read_form(request, NothingForm)
    drafts.discard(request.user, ticket)
    return changed(request, ticket, composer=True)


@desk_view("POST")
def send(request: DeskRequest, pk: int) -> HttpResponse:
    """Send the reply or save the note, once for each key; the draft is gone with it.

    409 with a dialog when the customer wrote after what this person had read (R-092).
    """
    ticket = find_ticket(request, pk, whole=True)
    form = read_form(request, SendForm)
    if not form.is_valid():
        return refuse(_("The message could not be read. Nothing was sent."), status=422)
    clean = form.cleaned_data
    key = _key(request, ticket, clean["key"])
    looks = not clean["anyway"] and clean["kind"] != "note"
    arrived = drafts.newer_than(ticket, clean["base"]) if looks else []
    if arrived and not drafts.written(key):
        values = {"ticket": ticket, "arrived": arrived, "text": clean["text"], "newest": arrived[-1].pk}
        return show(request, "tickets/_stale.html", values, status=409)
    try:
        entry = drafts.publish(request.user, ticket, key=key, clean=clean)
    except NothingToSend as error:
        return refuse(str(error), status=422)
    except ValidationError as error:
        return refuse(error.messages[0], status=422)
    except InvalidMove as error:
        return refuse(error.message)
    except PermissionDenied:
        return forbid()
    return _sent(request, ticket, entry)


def _key(request: DeskRequest, ticket: Ticket, key: str) -> str:
    return f"web:{request.user.pk}:{ticket.pk}:{key}"


def _sent(request: DeskRequest, ticket: Ticket, entry: ThreadEntry) -> HttpResponse:
    response = changed(request, ticket, composer=True)
    if entry.kind == ThreadEntry.Kind.NOTE:
        return say(response, _("Note saved"))
    seconds = request.user.undo_seconds
    undo = reverse("tickets:withdraw", args=[ticket.pk, entry.pk]) if seconds else ""
    return say(response, _("Reply sent"), undo=undo, seconds=seconds, ticket=ticket.pk)


@desk_view("POST")
def withdraw(request: DeskRequest, pk: int, entry: int) -> HttpResponse:
    """Take the own reply back while it still waits; text and files return to the composer (R-083)."""
    ticket = find_ticket(request, pk, whole=True)
    read_form(request, NothingForm)
    try:
        back = drafts.take_back(request.user, ticket, entry)
    except ThreadEntry.DoesNotExist:
        raise Http404 from None
    if not back:
        return refuse(_("It has already left."))
    return say(changed(request, ticket, composer=True), _("The reply is back in the composer"))
