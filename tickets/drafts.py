"""Decides what an analyst is in the middle of writing: a draft of one's own, kept by the server (A27).

Nobody reads another person's draft; every fetch here starts at its author.
"""

from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db import transaction
from django.db.models import OuterRef, Sum
from django.db.models.functions import JSONObject

from channels_inbox.files import new_attachment
from channels_inbox.models import MessageAttachment
from helpdesk.people.models import User
from tickets import conversation
from tickets.models import Draft, DraftFile, ThreadEntry, Ticket
from tickets.uploads import check_weight


def find_draft(user: User, ticket: Ticket) -> Draft | None:
    """Return the user's draft on the ticket; what its file chips show stands in `files_json`."""
    files = DraftFile.objects.filter(draft=OuterRef("pk")).order_by("id")
    chips = JSONObject(id="pk", name="file__name", size="file__size")
    drafts = Draft.objects.filter(user=user, ticket=ticket)
    return drafts.annotate(files_json=ArraySubquery(files.values(json=chips))).first()


def own_draft(user: User, ticket: Ticket) -> Draft:
    """Return the user's draft on the ticket, made when there is none."""
    draft, _created = Draft.objects.get_or_create(
        user=user, ticket=ticket, defaults={"base_entry_id": ticket.last_entry_id}
    )
    return draft


def keep_text(user: User, ticket: Ticket, *, text: str, kind: str, to_all: bool, base: int) -> None:
    """Keep what is being written. An empty draft without files is no draft."""
    facts = {"kind": kind, "text": text.replace("\x00", ""), "to_all": to_all, "base_entry_id": base}
    if text.strip():
        Draft.objects.update_or_create(user=user, ticket=ticket, defaults=facts)
        return
    mine = Draft.objects.filter(user=user, ticket=ticket)
    mine.filter(files=None).delete()
    mine.update(**facts)


def discard(user: User, ticket: Ticket) -> None:
    """Throw the draft away, text and files."""
    Draft.objects.filter(user=user, ticket=ticket).delete()


def files_of(user: User, ticket: Ticket) -> list[MessageAttachment]:
    """Return the stored files of the user's draft, in the order they came."""
    rows = DraftFile.objects.filter(draft__user=user, draft__ticket=ticket).select_related("file")
    return [each.file for each in rows.order_by("id")]


def weight_of(draft: Draft) -> int:
    """Return how many bytes the files of a draft have together."""
    return draft.files.aggregate(total=Sum("file__size"))["total"] or 0


def add_file(draft: Draft, content: bytes, *, name: str, content_type: str) -> DraftFile:
    """Store a file and bind it to the draft, so to its author (A27)."""
    row = new_attachment(content, name=name, content_type=content_type)
    row.save(force_insert=True)
    return DraftFile.objects.create(draft=draft, file=row)


def remove_file(user: User, ticket: Ticket, file: int) -> bool:
    """Take a file out of the user's draft; False when it has no such file."""
    mine = DraftFile.objects.filter(pk=file, draft__ticket=ticket, draft__user=user)
    return mine.delete()[0] > 0


def written(key: str) -> bool:
    """Whether the entry with this key stands already."""
    return ThreadEntry.objects.filter(idem_key=key).exists()


def newer_than(ticket: Ticket, base: int) -> list[ThreadEntry]:
    """Return the customer's first five messages after the entry the author had read (R-092)."""
    entries = ThreadEntry.objects.filter(
        ticket=ticket, kind=ThreadEntry.Kind.CUSTOMER, pk__gt=base, automatic=False
    )
    return list(entries.select_related("contact").order_by("id")[:5])


def publish(user: User, ticket: Ticket, *, key: str, clean: dict[str, Any]) -> ThreadEntry:
    """Make the entry out of the text and the draft's files; the draft is gone with it.

    Raises as `conversation.reply`, and `ValidationError` when the files together weigh too much: uploads that ran
    side by side, or a reply taken back, may have brought more than one upload alone would have been let in.
    """
    with transaction.atomic():
        files = files_of(user, ticket)
        check_weight(sum(each.size for each in files))
        common = {"actor": user, "text": clean["text"], "attachments": files, "idem_key": key}
        if clean["kind"] == "note":
            entry = conversation.add_note(ticket, **common)
        else:
            entry = conversation.reply(
                ticket, to_all=clean["to_all"], then=clean["then"], outcome=clean["outcome"], **common
            )
        discard(user, ticket)
    return entry


def take_back(user: User, ticket: Ticket, entry: int) -> bool:
    """Withdraw the own reply while it waits; text and files return to the draft (R-083). False when it has left.

    Raises `ThreadEntry.DoesNotExist` for anything but a reply of one's own on this ticket.
    """
    mine = ThreadEntry.objects.get(pk=entry, ticket=ticket, author=user, kind=ThreadEntry.Kind.REPLY)
    with transaction.atomic():
        if not conversation.withdraw(mine, actor=user):
            return False
        _bring_back(user, ticket, mine)
    return True


def _bring_back(user: User, ticket: Ticket, entry: ThreadEntry) -> None:
    draft = own_draft(user, ticket)
    begun = draft.text.strip()
    draft.text = f"{entry.text}\n\n{begun}" if begun else entry.text
    draft.kind = "reply"
    draft.to_all = bool(entry.recipients.get("cc")) or None
    draft.base_entry_id = max(draft.base_entry_id, ticket.last_entry_id)
    draft.save(update_fields=["text", "kind", "to_all", "base_entry_id"])
    rows = entry.attachments.order_by("id").values_list("file_id", flat=True)
    DraftFile.objects.bulk_create([DraftFile(draft=draft, file_id=file_id) for file_id in rows])
