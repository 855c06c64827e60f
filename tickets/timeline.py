"""Decides what a conversation shows and in which order: entries, and between them, folded, what happened.

Everything an entry shows (author, files, deliveries) comes with one statement for the whole page of entries.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef
from django.db.models.functions import JSONObject
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from helpdesk.lib.clock import AppNow
from helpdesk.lib.html import markdown_to_html, text_to_html
from helpdesk.people.models import User
from tickets.events import KINDS
from tickets.models import EntryAttachment, EntryDelivery, ThreadEntry, Ticket, TicketEvent
from tickets.models.ticket import Outcome, Priority, Status

PAGE = 50
MAX_EVENTS = 200
WORDS = {**dict(Status.choices), **dict(Priority.choices), **dict(Outcome.choices)}
Kind = ThreadEntry.Kind


@dataclass
class Delivery:
    """How far the message for one recipient got."""

    id: int
    recipient: str
    state: str
    receipt: str
    error: str
    next_at: datetime | None


@dataclass
class Item:
    """One thing of the timeline: `day`, `events` or `entry`."""

    kind: str
    at: datetime
    entry: ThreadEntry | None = None
    body: str = ""
    deliveries: list[Delivery] = field(default_factory=list)
    state: str = ""
    undo_seconds: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)
    mine: bool = False


@dataclass
class Timeline:
    """A page of the conversation; `before` is where the earlier page ends (0: nothing earlier)."""

    items: list[Item]
    before: int
    first: int
    last: int


def timeline_of(ticket: Ticket, user: User, *, before: int = 0, since: int = 0) -> Timeline:
    """Return the last 50 entries (those before `before`, or all from `since` on) with what happened between them."""
    entries = list(_entries(ticket, before=before, since=since))
    earlier = not since and len(entries) > PAGE
    entries = sorted(entries[:PAGE] if not since else entries, key=lambda entry: entry.pk)
    from_moment = entries[0].created_at if entries and (earlier or since) else None
    events = _events(ticket, since=from_moment, until=before)
    items = [_item(entry, user) for entry in entries]
    items += [Item("event", event.at, events=[said]) for event in events if (said := _say(event, ticket))]
    items.sort(key=lambda item: (item.at, item.kind == "event"))
    return Timeline(
        items=list(_with_days(_fold(items))),
        before=entries[0].pk if earlier else 0,
        first=entries[0].pk if entries else 0,
        last=entries[-1].pk if entries else 0,
    )


def _entries(ticket: Ticket, *, before: int, since: int) -> Iterable[ThreadEntry]:
    files = EntryAttachment.objects.filter(entry=OuterRef("pk")).order_by("id")
    rows = EntryDelivery.objects.filter(entry=OuterRef("pk")).order_by("id")
    facts = {
        name: f"outbound__{name}"
        for name in ("recipient", "state", "receipt", "receipt_detail", "last_error", "next_at")
    }
    entries = (
        ThreadEntry.objects.filter(ticket=ticket, withdrawn=False)
        .select_related("author", "contact", "channel")
        .annotate(
            files_json=ArraySubquery(
                files.values(json=JSONObject(id="pk", name="file__name", size="file__size"))
            ),
            deliveries_json=ArraySubquery(
                rows.values(json=JSONObject(id="pk", attempts="outbound__attempts", **facts))
            ),
            app_now=AppNow(),
        )
        .order_by("-id")
    )
    if since:
        return entries.filter(pk__gte=since)
    return (entries.filter(pk__lt=before) if before else entries)[: PAGE + 1]


def _events(ticket: Ticket, *, since: datetime | None, until: int) -> list[TicketEvent]:
    shown = [kind for kind, facts in KINDS.items() if facts.shown]
    events = TicketEvent.objects.filter(ticket=ticket, kind__in=shown).select_related("actor").order_by("-id")
    if since is not None:
        events = events.filter(at__gte=since)
    if until:
        events = events.filter(at__lt=ThreadEntry.objects.filter(pk=until).values("created_at")[:1])
    return list(events[:MAX_EVENTS])


def _item(entry: ThreadEntry, user: User) -> Item:
    rows = [_delivery(each) for each in entry.deliveries_json]  # type: ignore[attr-defined]  # annotated by _entries
    mine = entry.author_id == user.pk
    waiting = [each for each in entry.deliveries_json if each["state"] == "queued" and not each["attempts"]]  # type: ignore[attr-defined]  # annotated by _entries
    undo = 0
    if mine and rows and len(waiting) == len(rows):
        left = min(row.next_at for row in rows if row.next_at) - entry.app_now  # type: ignore[attr-defined]  # annotated by _entries
        undo = max(0, int(left.total_seconds()))
    return Item(
        "entry", entry.created_at, entry=entry, body=body_of(entry), deliveries=rows,
        state=_worst(rows), undo_seconds=undo, mine=mine,
    )  # fmt: skip


def _delivery(facts: dict[str, Any]) -> Delivery:
    return Delivery(
        id=facts["id"],
        recipient=facts["recipient"],
        state=facts["state"],
        receipt=facts["receipt"],
        error=facts["receipt_detail"] or facts["last_error"],
        next_at=parse_datetime(facts["next_at"]) if facts["next_at"] else None,
    )


def _worst(rows: list[Delivery]) -> str:
    """Return what the entry shows of its deliveries: the one that needs somebody most, else the least advanced."""
    if not rows:
        return ""
    states = {"bounced" if row.receipt == "bounced" else row.state for row in rows}
    for state in ("bounced", "failed", "uncertain", "sending", "queued"):
        if state in states:
            return state
    receipts = {row.receipt for row in rows}
    return "read" if receipts == {"read"} else "delivered" if receipts <= {"read", "delivered"} else "sent"


def body_of(entry: ThreadEntry) -> SafeString:
    """Return the entry as safe HTML: sanitised mail, our light Markdown, or escaped text (A01)."""
    if entry.kind in (Kind.REPLY, Kind.NOTE):
        return mark_safe(markdown_to_html(entry.text))  # noqa: S308 sanitised by nh3
    if entry.html and entry.kind == Kind.CUSTOMER:
        return mark_safe(entry.html)  # noqa: S308 stored already clean by `helpdesk.lib.html`
    return mark_safe(f"<p>{text_to_html(entry.text)}</p>")  # noqa: S308 escaped


def _say(event: TicketEvent, ticket: Ticket) -> dict[str, Any] | None:
    """Return who did what, as one sentence with escaped names (A02)."""
    sentence = KINDS[event.kind].sentence
    data = {key: WORDS.get(value, value) for key, value in event.data.items() if isinstance(value, str)}
    try:
        did = str(sentence) % data
    except (KeyError, ValueError):
        return None
    if event.actor is not None:
        who = event.actor.name
        if event.kind == "assigned" and event.data.get("to_id") == event.actor_id:
            did = _("took the ticket")
    else:
        who = ticket.contact.name if event.kind == "ticket_opened" else _("The system")
    return {"text": f"{who or _('The customer')} {did}", "at": event.at}


def _fold(items: list[Item]) -> Iterator[Item]:
    """Put neighbouring events into one folded item."""
    for is_event, run in groupby(items, key=lambda item: item.kind == "event"):
        if not is_event:
            yield from run
            continue
        together = list(run)
        yield Item("events", together[0].at, events=[said for item in together for said in item.events])


def _with_days(items: Iterable[Item]) -> Iterator[Item]:
    today = None
    for item in items:
        day = timezone.localdate(item.at)
        if day != today:
            today = day
            yield Item("day", item.at)
        yield item
