"""Decides how the small drawn things look: icons, avatars, channels, priorities, keys, moments (design system)."""

import zlib
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from helpdesk.lib.brazil import format_hour

register = template.Library()

CHANNELS = {
    "email": ("mail", gettext_lazy("E-mail")),
    "phone": ("phone", gettext_lazy("Phone")),
    "form": ("file-text", gettext_lazy("Form")),
    "portal": ("globe", gettext_lazy("Ticket page")),
    "note": ("lock", gettext_lazy("Internal note")),
}
PRIORITIES = {"critica": "octagon-alert", "alta": "chevrons-up", "normal": "equal", "baixa": "chevron-down"}


@cache
def sprite() -> str:
    """Return the address of the icon sheet; asked for a hundred times a page, so it is looked up once."""
    return static("icons.svg")


@register.simple_tag
def icon(name: str, css: str = "", label: str = "") -> SafeString:
    """Draw an icon of the sprite; decorative unless a label names it."""
    spoken = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    return format_html(
        '<svg class="i {}" {}><use href="{}#{}"/></svg>', css, spoken, sprite(), name
    )


def initials(name: str) -> str:
    """Return one or two capitals for an avatar; a symbol-only name gives '?'."""
    words = [word for word in name.split() if word[0].isalpha()]
    capitals = [word for word in words if word[0].isupper()] or words
    if not capitals:
        return "?"
    return (capitals[0][0] + (capitals[-1][0] if len(capitals) > 1 else "")).upper()


@register.simple_tag
def avatar(name: Any, css: str = "", label: bool = True) -> SafeString:
    """Draw initials; the hue is a stable hash of the name (six quiet hues)."""
    text = str(name or "")
    hue = zlib.crc32(text.encode()) % 6 + 1
    spoken = (
        format_html('role="img" aria-label="{}" title="{}"', text, text)
        if label
        else mark_safe('aria-hidden="true"')
    )
    return format_html('<span class="av av{} {}" {}>{}</span>', hue, css, spoken, initials(text))


@register.simple_tag
def channel(kind: str, css: str = "") -> SafeString:
    """Draw the symbol of a channel kind."""
    name, label = CHANNELS.get(kind, ("globe", kind))
    return format_html(
        '<span class="ch ch-{} {}" title="{}">'
        '<svg class="i" role="img" aria-label="{}"><use href="{}#{}"/></svg></span>',
        kind, css, label, label, sprite(), name,
    )  # fmt: skip


@register.simple_tag
def prio(key: str, label: str, text: bool = False) -> SafeString:
    """Draw a priority: icon, and its word when `text`."""
    title = _("Priority: %(name)s") % {"name": label}
    spoken = mark_safe('aria-hidden="true"') if text else format_html('role="img" aria-label="{}"', title)
    return format_html(
        '<span class="prio prio-{}" title="{}"><svg class="i" {}><use href="{}#{}"/></svg>{}</span>',
        key, title, spoken, sprite(), PRIORITIES.get(key, "equal"), label if text else "",
    )  # fmt: skip


@register.simple_tag
def k(*keys: str) -> SafeString:
    """Draw key caps."""
    return format_html_join("", "<kbd>{}</kbd>", ((key,) for key in keys))


@register.simple_tag
def logo(css: str = "") -> SafeString:
    """Draw the product's mark."""
    return format_html(
        '<svg class="logo {}" viewBox="0 0 24 24" aria-hidden="true"><rect class="logo-bg" width="24" height="24"'
        ' rx="6.5"/><path class="logo-fg" d="M11 5.6h2v2.1a6.3 6.3 0 0 1 5.3 6.2H5.7A6.3 6.3 0 0 1 11 7.700z"/>'
        '<rect class="logo-fg" x="4.700" y="15.400" width="14.600" height="2.200" rx="1.100"/></svg>',
        css,
    )


def _hour(local: datetime) -> str:
    return format_hour(local) if (get_language() or "").startswith("pt") else f"{local:%H:%M}"


@register.filter
def moment(value: datetime | str | None) -> str:
    """Say a moment shortly: `9h41` today, `ontem, 17h48`, `12/11, 9h`, with the year when it is another."""
    if isinstance(value, str):
        value = parse_datetime(value)
    if value is None:
        return ""
    local, today = timezone.localtime(value), timezone.localdate()
    if local.date() == today:
        return _hour(local)
    if local.date() == today - timedelta(days=1):
        return _("yesterday, %(hour)s") % {"hour": _hour(local)}
    return f"{_day(local)}, {_hour(local)}"


@register.filter
def full_moment(value: datetime | None) -> str:
    """Say a moment wholly: `hoje, 10h30`, `amanhã, 9h`, `quinta, 19/11, 14h`."""
    if value is None:
        return ""
    local, today = timezone.localtime(value), timezone.localdate()
    days = {
        today: _("today"),
        today + timedelta(days=1): _("tomorrow"),
        today - timedelta(days=1): _("yesterday"),
    }
    day = days.get(local.date()) or f"{date_format(local, 'l').split('-')[0].lower()}, {_day(local)}"
    return f"{day}, {_hour(local)}"


def _day(local: datetime) -> str:
    same_year = local.year == timezone.localdate().year
    if (get_language() or "").startswith("pt"):
        return f"{local:%d/%m}" if same_year else f"{local:%d/%m/%Y}"
    return date_format(local, "j M" if same_year else "j M Y")


@register.filter
def remaining(value: datetime | None) -> str:
    """Say how long until a promised moment, or how long it is past: `faltam 24 min`, `há 2 h`."""
    if value is None:
        return ""
    seconds = (value - timezone.now()).total_seconds()
    amount = _amount(abs(seconds))
    return (
        _("%(amount)s left") % {"amount": amount}
        if seconds >= 0
        else _("%(amount)s late") % {"amount": amount}
    )


@register.filter
def waiting(value: datetime | None) -> str:
    """Say how long somebody waits: `24 min`, `3 h`, `2 dias`."""
    return _amount(max(0.0, (timezone.now() - value).total_seconds())) if value else ""


@register.filter
def epoch(value: datetime | None) -> str:
    """Write a moment for `clock.js`, in whole milliseconds."""
    return f"{int(value.timestamp() * 1000)}" if value else ""


@register.simple_tag
def time_words() -> SafeString:
    """Write the attributes `clock.js` needs to say moments as `waiting` and `remaining` do: our time, and the words."""
    words = {
        "now": epoch(timezone.now()),
        "minutes": _("%(n)s min") % {"n": "{n}"},
        "hours": _("%(n)s h") % {"n": "{n}"},
        "days": _("%(n)s days") % {"n": "{n}"},
        "left": _("%(amount)s left") % {"amount": "{n}"},
        "late": _("%(amount)s late") % {"amount": "{n}"},
    }
    return format_html_join(" ", 'data-{}="{}"', words.items())


def _amount(seconds: float) -> str:
    minutes = int(seconds // 60)
    if minutes < 60:
        return _("%(n)s min") % {"n": max(1, minutes)}
    if minutes < 48 * 60:
        return _("%(n)s h") % {"n": minutes // 60}
    return _("%(n)s days") % {"n": minutes // 1440}
