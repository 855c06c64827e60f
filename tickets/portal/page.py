"""Decides what a customer reads about the own ticket: plain words, the trio with *when* first, the public thread."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import JSONObject
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from helpdesk.lib.clock import AppNow, app_now
from helpdesk.lib.files import is_raster_image
from helpdesk.lib.html import text_to_html
from helpdesk.people.models import SiteSettings
from helpdesk.templatetags.design import full_moment
from tickets.calendars import calendar_of
from tickets.housekeeping import RESOLVED_TO_CLOSED_BUSINESS_DAYS
from tickets.mail_out import LINK_MARK
from tickets.matching import REOPEN_DAYS
from tickets.models import ChannelPolicy, Department, EntryAttachment, EntryDelivery, ThreadEntry, Ticket
from tickets.models.ticket import Status
from tickets.portal.access import Access
from tickets.promises import Promise, promise_of
from tickets.timeline import body_of

PAGE = 50
_LINK_SENTENCE = re.compile(rf"[^.!?\n]*{LINK_MARK}[.!?]?")
UNDO = timedelta(seconds=60)
STEPS = (
    gettext_lazy("Received"),
    gettext_lazy("Understood"),
    gettext_lazy("Being solved"),
    gettext_lazy("Solved"),
)
NOW = {
    Status.NEW: gettext_lazy("We received your ticket."),
    Status.OPEN: gettext_lazy("We are working on your ticket."),
    Status.WAITING_CUSTOMER: gettext_lazy("We need an answer from you to go on."),
    Status.WAITING_DEPARTMENT: gettext_lazy("Another department is working on its part."),
    Status.RETURN_TO_CONFIRM: gettext_lazy("Our part is done. We still have to confirm it with you."),
    Status.SCHEDULED: gettext_lazy("The next step has a date."),
}
NEXT = {
    Status.NEW: gettext_lazy("Somebody reads it and answers here and by mail."),
    Status.OPEN: gettext_lazy("We answer here and by mail."),
    Status.WAITING_CUSTOMER: gettext_lazy("Answer below, or reply to our mail."),
    Status.WAITING_DEPARTMENT: gettext_lazy("When it is done, we tell you here and by mail."),
    Status.RETURN_TO_CONFIRM: gettext_lazy("We write to you to confirm that everything is right."),
    Status.SCHEDULED: gettext_lazy("On that day we go on together."),
}


@dataclass(frozen=True)
class Step:
    """One of the four steps every customer sees."""

    label: str
    done: bool
    current: bool


@dataclass
class Message:
    """One message of the public thread."""

    entry: ThreadEntry
    body: SafeString
    mine: bool
    files: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Situation:
    """What the card at the top says; `due` draws the ring."""

    now: str
    next_step: str
    when: str
    promise: Promise | None
    due: datetime | None


def steps_of(ticket: Ticket) -> list[Step]:
    """Return the four steps; all are done when the ticket is finished."""
    at = _step(ticket)
    return [Step(str(label), number < at or at == 3, number == at) for number, label in enumerate(STEPS)]


def _step(ticket: Ticket) -> int:
    if ticket.finished:
        return 3
    if ticket.status == Status.NEW:
        return 1 if ticket.assignee_id else 0
    return 2


def situation_of(ticket: Ticket, site: SiteSettings) -> Situation:
    """Return the trio as the customer reads it: the analyst's words, else plain words for the status (R-026)."""
    due = ticket.when
    if due is None and ticket.status == Status.NEW:
        due = first_reply_due(ticket.department, ticket.created_at, site)
    return Situation(
        now=ticket.now or str(NOW.get(ticket.status, "")),  # type: ignore[call-overload]  # status is one of Status
        next_step=ticket.next_step or str(NEXT.get(ticket.status, "")),  # type: ignore[call-overload]  # status is one of Status
        when=_said(due, exact=ticket.status == Status.SCHEDULED),
        promise=promise_of(due, now=app_now()) if due else None,
        due=due,
    )


def _said(due: datetime | None, *, exact: bool) -> str:
    if due is None:
        return ""
    day, _comma, hour = full_moment(due).rpartition(", ")
    return capfirst(full_moment(due) if exact else _("%(day)s, by %(hour)s") % {"day": day, "hour": hour})


def first_reply_due(department: Department, since: datetime, site: SiteSettings) -> datetime | None:
    """Return until when the first reply is promised, from the department's mail policy; None without a target."""
    policy = ChannelPolicy.objects.filter(department=department, channel__kind="email").first()
    minutes = int((policy.first_reply if policy else {}).get("minutes") or 0)
    return calendar_of(department, site=site, near=since).add(since, minutes * 60) if minutes else None


def reopen_until(ticket: Ticket, site: SiteSettings) -> datetime | None:
    """Return until when a message reopens a finished ticket (R-006); None when that time is over."""
    if ticket.closed_at is not None:
        last = ticket.closed_at + timedelta(days=REOPEN_DAYS)
        return last if last > app_now() else None
    since = ticket.resolved_at or ticket.updated_at
    calendar = calendar_of(ticket.department, site=site, near=since)
    closing = calendar.add_business_days(since, RESOLVED_TO_CLOSED_BUSINESS_DAYS)
    return closing + timedelta(days=REOPEN_DAYS)


def public_entries(ticket: Ticket) -> QuerySet[ThreadEntry]:
    """Return what the customer may see: no note, no withdrawn reply, none that can still be taken back (R-083)."""
    waiting = EntryDelivery.objects.filter(
        entry=OuterRef("pk"), outbound__state="queued", outbound__attempts=0
    )
    settled = ~Q(kind=ThreadEntry.Kind.REPLY) | Q(created_at__lt=AppNow() - UNDO) | ~Exists(waiting)
    return ThreadEntry.objects.filter(settled, ticket=ticket).for_customer()


def thread_of(access: Access, *, before: int = 0) -> tuple[list[Message], int]:
    """Return the newest 50 messages (before `before`), oldest first, and where the earlier page ends (0: none)."""
    files = EntryAttachment.objects.filter(entry=OuterRef("pk")).order_by("id")
    shape = JSONObject(id="pk", name="file__name", size="file__size", kind="file__content_type")
    entries = (
        public_entries(access.ticket)
        .select_related("author", "contact", "channel")
        .annotate(files_json=ArraySubquery(files.values(json=shape)))
        .order_by("-id")
    )
    found = list((entries.filter(pk__lt=before) if before else entries)[: PAGE + 1])
    messages = [_message(entry, access) for entry in reversed(found[:PAGE])]
    return messages, messages[0].entry.pk if len(found) > PAGE else 0


def _message(entry: ThreadEntry, access: Access) -> Message:
    files = [{**each, "picture": is_raster_image(each["kind"])} for each in entry.files_json]  # type: ignore[attr-defined]  # annotated by thread_of
    mine = entry.kind == ThreadEntry.Kind.CUSTOMER and entry.contact_id == access.contact.pk
    return Message(entry, _body(entry), mine, files)


def _body(entry: ThreadEntry) -> SafeString:
    """Return the safe body, without the sentence that holds the mark of the mail's own link: it says nothing here."""
    if entry.kind != ThreadEntry.Kind.AUTO or LINK_MARK not in entry.text:
        return body_of(entry)  # what people wrote keeps every word, and is never searched (A22)
    kept = _LINK_SENTENCE.sub("", entry.text).strip()
    return mark_safe(f"<p>{text_to_html(kept)}</p>")  # noqa: S308 escaped


def last_solution(messages: list[Message]) -> Message | None:
    """Return the last reply of the team: on a solved ticket it says what was done."""
    return next((each for each in reversed(messages) if each.entry.kind == ThreadEntry.Kind.REPLY), None)
