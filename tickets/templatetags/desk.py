"""Decides how the desk draws a promise (a ring, by attributes only: CSP) and says a day."""

from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _

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
def day_words(value: datetime) -> str:
    """Say a day over the messages of that day: `Hoje`, `Ontem`, `Segunda, 16 de novembro`."""
    day, today = timezone.localdate(value), timezone.localdate()
    if (today - day).days in (0, 1):
        return _("Today") if day == today else _("Yesterday")
    pattern = "j F" if day.year == today.year else "j F Y"
    if not (get_language() or "").startswith("pt"):
        return date_format(day, f"l, {pattern}")
    words = date_format(day, pattern.replace(" ", r" \d\e ")).lower()
    return f"{date_format(day, 'l').split('-')[0]}, {words}"


@register.filter
def promise(ticket: Ticket) -> Promise | None:
    """Return the ring of a ticket's promised moment; a finished ticket promises nothing."""
    return None if ticket.finished else promise_of(ticket.when, now=timezone.now())
