"""Decides which sentence the product sends: the department's own text, else the installation's, in the contact's
language, else in Portuguese (R-131, R-413)."""

from collections.abc import Mapping
from datetime import datetime

from django.conf import settings
from django.db.models import Q
from django.urls import reverse

from channels_inbox.models import Channel
from helpdesk.people.models import Contact, SiteSettings, User
from helpdesk.people.site import site_settings
from tickets.calendars import calendar_of, first_reply_words, spoken_moment
from tickets.mail_out import LINK_MARK
from tickets.models import ChannelPolicy, Department, SystemText, Ticket
from tickets.placeholders import render


def find_texts(keys: list[str], *, department: Department, language: str) -> dict[str, str]:
    """Return key → text for the best row of each key, in one statement; missing keys are ''."""
    rows = SystemText.objects.filter(key__in=keys).filter(Q(department=department) | Q(department=None))
    best: dict[str, tuple[int, str]] = {}
    for row in rows:
        rank = 2 * (row.language == language) + (row.department_id is not None)
        if row.text and (row.key not in best or rank > best[row.key][0]):
            best[row.key] = (rank, row.text)
    return {key: best.get(key, (0, ""))[1] for key in keys}


def values_for(
    ticket: Ticket,
    *,
    contact: Contact,
    channel: Channel | None,
    policy: ChannelPolicy | None = None,
    agent: User | None = None,
    now: datetime | None = None,
) -> Mapping[str, str]:
    """Return the values of D.15 that exist for a message of this ticket. The link stands as a mark until built."""
    site = site_settings()
    opening = _next_opening(ticket, site, now) if now else ""
    target = first_reply_words(policy.first_reply) if policy else ""
    return {
        "contact.first_name": contact.first_name,
        "contact.name": contact.name,
        "ticket.protocol": ticket.protocol,
        "ticket.subject": ticket.subject,
        "ticket.status": ticket.get_status_display(),
        "ticket.tracking_url": LINK_MARK,
        "ticket.agent_url": settings.BASE_URL + reverse("tickets:ticket", args=[ticket.pk]),
        "agent.name": agent.name if agent else "",
        "agent.first_name": agent.first_name if agent else "",
        "department.name": ticket.department.label,
        "department.next_opening": opening,
        "department.target_text": target,
        "channel.name": channel.name if channel else "",
        "channel.target_text": target,
        "channel.next_opening": opening,
        "installation.name": site.name,
        "installation.dpo_contact": site.dpo_contact,
    }


def _next_opening(ticket: Ticket, site: SiteSettings, now: datetime) -> str:
    calendar = calendar_of(ticket.department, site=site, near=now)
    return spoken_moment(calendar.next_opening(now), now=now, zone=calendar.timezone)


def fill(text: str, values: Mapping[str, str], conditions: frozenset[str] = frozenset()) -> str:
    """Render a text row."""
    return render(text, values, conditions=conditions).strip()
