"""Decides how writing works: drafts, files, sending once, and taking a reply back."""

from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from channels_inbox.files import new_attachment
from tickets import conversation
from tickets.dispatch import NothingToSend
from tickets.forms import DraftForm, NothingForm, SendForm, UploadForm
from tickets.lifecycle import InvalidMove
from tickets.models import Draft, DraftFile, ThreadEntry, Ticket
from tickets.permissions import may
from tickets.views.access import DeskRequest, desk_view, find_ticket, forbid, read_form, refuse, say, show
from tickets.views.changed import changed
from tickets.views.drafts import own_draft

MAX_FILES = 20


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
    if clean["key"] and ThreadEntry.objects.filter(idem_key=_key(request, ticket, clean)).exists():
        return HttpResponse(status=204)  # a save that was on its way when the message was sent
    facts = {
        "kind": clean["kind"],
        "text": clean["text"].replace("\x00", ""),
        "to_all": clean["to_all"],
        "base_entry_id": clean["base"],
    }
    mine = Draft.objects.filter(user=request.user, ticket=ticket)
    if clean["text"].strip():
        Draft.objects.update_or_create(user=request.user, ticket=ticket, defaults=facts)
    else:
        mine.filter(files=None).delete()
        mine.update(**facts)
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
    if sent.size is None or sent.size > settings.MAX_ATTACHMENT_BYTES:
        limit = settings.MAX_ATTACHMENT_BYTES // (1024 * 1024)
        return refuse(_("The file is larger than %(limit)s MB.") % {"limit": limit}, status=413)
    mine = own_draft(request, ticket)
    if mine.files.count() >= MAX_FILES:
        return refuse(
            ngettext("At most %(n)s file.", "At most %(n)s files.", MAX_FILES) % {"n": MAX_FILES}, status=422
        )
    row = new_attachment(sent.read(), name=sent.name or "", content_type=sent.content_type or "")
    row.save()
    kept = DraftFile.objects.create(draft=mine, file=row)
    chip = {"id": kept.pk, "name": row.name, "size": row.size}
    return show(request, "tickets/_draft_file.html", {"chip": chip, "ticket": ticket})


@desk_view("POST")
def remove_file(request: DeskRequest, pk: int, file: int) -> HttpResponse:
    """Take a file out of the draft; the chip disappears."""
    ticket = find_ticket(request, pk)
    read_form(request, NothingForm)
    removed, _kinds = DraftFile.objects.filter(
        pk=file, draft__ticket=ticket, draft__user=request.user
    ).delete()
    if not removed:
        raise Http404
    return HttpResponse("")


@desk_view("POST")
def discard(request: DeskRequest, pk: int) -> HttpResponse:
    """Throw the draft away, text and files."""
    ticket = find_ticket(request, pk, whole=True)
    read_form(request, NothingForm)
    Draft.objects.filter(user=request.user, ticket=ticket).delete()
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
    arrived = [] if clean["anyway"] or clean["kind"] == "note" else _newer_than(ticket, clean["base"])
    if arrived and not ThreadEntry.objects.filter(idem_key=_key(request, ticket, clean)).exists():
        values = {"ticket": ticket, "arrived": arrived, "text": clean["text"], "newest": arrived[-1].pk}
        return show(request, "tickets/_stale.html", values, status=409)
    try:
        entry = _write(request, ticket, clean)
    except NothingToSend as error:
        return refuse(str(error), status=422)
    except InvalidMove as error:
        return refuse(error.message)
    except PermissionDenied:
        return forbid()
    return _sent(request, ticket, entry)


def _key(request: DeskRequest, ticket: Ticket, clean: dict[str, Any]) -> str:
    return f"web:{request.user.pk}:{ticket.pk}:{clean['key']}"


def _newer_than(ticket: Ticket, base: int) -> list[ThreadEntry]:
    entries = ThreadEntry.objects.filter(
        ticket=ticket, kind=ThreadEntry.Kind.CUSTOMER, pk__gt=base, automatic=False
    )
    return list(entries.select_related("contact").order_by("id")[:5])


def _write(request: DeskRequest, ticket: Ticket, clean: dict[str, Any]) -> ThreadEntry:
    with transaction.atomic():
        draft = Draft.objects.filter(user=request.user, ticket=ticket).first()
        files = [each.file for each in draft.files.select_related("file").order_by("id")] if draft else []
        common = {
            "actor": request.user,
            "text": clean["text"],
            "attachments": files,
            "idem_key": _key(request, ticket, clean),
        }
        if clean["kind"] == "note":
            entry = conversation.add_note(ticket, **common)
        else:
            entry = conversation.reply(
                ticket, to_all=clean["to_all"], then=clean["then"], outcome=clean["outcome"], **common
            )
        if draft is not None:
            draft.delete()
    return entry


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
    mine = ThreadEntry.objects.filter(
        pk=entry, ticket=ticket, author=request.user, kind=ThreadEntry.Kind.REPLY
    ).first()
    if mine is None:
        raise Http404
    with transaction.atomic():
        if not conversation.withdraw(mine, actor=request.user):
            return refuse(_("It has already left."))
        _bring_back(request, ticket, mine)
    return say(changed(request, ticket, composer=True), _("The reply is back in the composer"))


def _bring_back(request: DeskRequest, ticket: Ticket, entry: ThreadEntry) -> None:
    draft = own_draft(request, ticket)
    begun = draft.text.strip()
    draft.text = f"{entry.text}\n\n{begun}" if begun else entry.text
    draft.kind = "reply"
    draft.to_all = bool(entry.recipients.get("cc")) or None
    draft.base_entry_id = max(draft.base_entry_id, ticket.last_entry_id)
    draft.save()
    rows = entry.attachments.order_by("id").values_list("file_id", flat=True)
    DraftFile.objects.bulk_create([DraftFile(draft=draft, file_id=file_id) for file_id in rows])
