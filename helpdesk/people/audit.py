"""Decides what goes into the audit trail; callers name the kind, the trail keeps who, what and from where (R-412)."""

from contextvars import ContextVar
from typing import Any

from django.http import HttpRequest

from helpdesk.people.models import AuditEntry, User

address: ContextVar[str] = ContextVar(
    "address", default=""
)  # of the request under way; set by the middleware


def record(
    kind: str,
    *,
    actor: User | None = None,
    subject: str = "",
    before: Any = None,
    after: Any = None,
    request: HttpRequest | None = None,
) -> AuditEntry:
    """Append one entry. `before` and `after` are JSON values without secrets."""
    if request is not None and actor is None and request.user.is_authenticated:
        actor = request.user
    ip = request.META.get("REMOTE_ADDR") if request is not None else address.get()
    return AuditEntry.objects.create(
        kind=kind, actor=actor, subject=subject[:200], before=before, after=after, ip=ip or None
    )
