"""Decides who may open a ticket by link: a token for every outgoing message, all dying together (R-130)."""

from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.urls import reverse

from helpdesk.lib.clock import AppNow
from helpdesk.lib.signing import InvalidToken, hash_token, new_token
from helpdesk.people.models import Contact
from tickets.models import Ticket, TrackingToken

DAYS_AFTER_CLOSING = 180


def mint_link(ticket: Ticket, contact: Contact) -> str:
    """Create a fresh token for one outgoing message; return the absolute address (the token is kept as a hash)."""
    token, token_hash = new_token()
    TrackingToken.objects.create(token_hash=token_hash, ticket=ticket, contact=contact)
    return settings.BASE_URL + reverse("portal:enter", args=[token])


def mint_row(ticket: Ticket, contact: Contact) -> TrackingToken:
    """Create a token row whose link nobody ever holds: it stands behind a cookie given on the page itself."""
    return TrackingToken.objects.create(token_hash=new_token()[1], ticket=ticket, contact=contact)


def find_token(token: str) -> TrackingToken | None:
    """Return the live token row: not revoked, and the ticket not closed for more than 180 days."""
    try:
        return _live(Q(token_hash=hash_token(token)))
    except InvalidToken:
        return None


def still_live(token_id: int) -> TrackingToken | None:
    """Return the token row behind a cookie while it is live."""
    return _live(Q(pk=token_id))


def _live(wanted: Q) -> TrackingToken | None:
    oldest = AppNow() - timedelta(days=DAYS_AFTER_CLOSING)
    open_or_recent = Q(ticket__closed_at__isnull=True) | Q(ticket__closed_at__gt=oldest)
    # A ticket merged away never closes by itself: its links live as long as those of the ticket it went into.
    target_recent = Q(ticket__merged_into__closed_at__isnull=True) | Q(
        ticket__merged_into__closed_at__gt=oldest
    )
    rows = TrackingToken.objects.filter(wanted, open_or_recent, target_recent, revoked_at__isnull=True)
    return rows.select_related("ticket__department", "ticket__assignee", "contact").first()


def revoke_links(ticket: Ticket) -> int:
    """Revoke every link of a ticket, and of those merged into it; return how many were live."""
    mine = Q(ticket=ticket) | Q(ticket__merged_into=ticket)
    return TrackingToken.objects.filter(mine, revoked_at__isnull=True).update(revoked_at=AppNow())
