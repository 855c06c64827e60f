"""Decides how the desk draws a promise: the ring, by attributes only (CSP)."""

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from tickets.models import Ticket
from tickets.promises import Promise, promise_of

register = template.Library()
_SIGNS = {
    "paused": mark_safe('<path d="M6.4 5.6v4.8M9.6 5.6v4.8"/>'),
    "over": mark_safe('<path d="M8 4.6v4M8 11.2v.1"/>'),
    "done": mark_safe('<path d="m5.2 8.2 2 2 3.6-4"/>'),
}


@register.simple_tag
def ring(promise: Promise | None) -> SafeString:
    """Draw how much of a promised time is left."""
    if promise is None:
        return mark_safe("")
    return format_html(
        '<svg class="ring {}" viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="6.25"/>'
        '<circle class="ring-v" cx="8" cy="8" r="6.25" pathLength="100" stroke-dasharray="{} 100"/>{}</svg>',
        promise.tone, promise.share, _SIGNS.get(promise.tone, ""),
    )  # fmt: skip


@register.filter
def promise(ticket: Ticket) -> Promise | None:
    """Return the ring of a ticket's promised moment; a finished ticket promises nothing."""
    return None if ticket.finished else promise_of(ticket.when, now=timezone.now())
