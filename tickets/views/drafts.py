"""Decides what an analyst is in the middle of writing: a draft of one's own, kept by the server (A27).

Nobody reads another person's draft; every fetch here starts at `user=request.user`.
"""

import uuid
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef
from django.db.models.functions import JSONObject

from tickets.models import Draft, DraftFile, Ticket
from tickets.views.access import DeskRequest


def draft_values(request: DeskRequest, ticket: Ticket, *, last_entry: int) -> dict[str, Any]:
    """Return what the composer starts with: the stored draft, or an empty one that knows the last entry seen."""
    files = DraftFile.objects.filter(draft=OuterRef("pk")).order_by("id")
    chips = JSONObject(id="pk", name="file__name", size="file__size")
    draft = (
        Draft.objects.filter(user=request.user, ticket=ticket)
        .annotate(files_json=ArraySubquery(files.values(json=chips)))
        .first()
    )
    return {
        "draft": draft or Draft(base_entry_id=last_entry),
        "draft_files": draft.files_json if draft else [],
        "key": uuid.uuid4().hex,
        "to_all": draft.to_all if draft and draft.to_all is not None else True,
    }


def own_draft(request: DeskRequest, ticket: Ticket) -> Draft:
    """Return the user's draft on the ticket, made when there is none."""
    draft, _created = Draft.objects.get_or_create(
        user=request.user, ticket=ticket, defaults={"base_entry_id": ticket.last_entry_id}
    )
    return draft
