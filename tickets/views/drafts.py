"""Decides what the composer starts with: the stored draft, or an empty one that knows the last entry seen."""

import uuid
from typing import Any

from tickets.drafts import find_draft
from tickets.models import Draft, Ticket
from tickets.uploads import MAX_DRAFT_FILES, limits_of
from tickets.views.access import DeskRequest


def draft_values(request: DeskRequest, ticket: Ticket, *, last_entry: int) -> dict[str, Any]:
    """Return the values of the composer, with what its files may weigh."""
    draft = find_draft(request.user, ticket)
    return {
        "draft": draft or Draft(base_entry_id=last_entry),
        "draft_files": draft.files_json if draft else [],  # type: ignore[attr-defined]  # annotated by find_draft
        "key": uuid.uuid4().hex,
        "to_all": draft.to_all if draft and draft.to_all is not None else True,
        "limits": limits_of(MAX_DRAFT_FILES),
    }
