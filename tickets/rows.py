"""Decides what a row of the list says: plain values, ready for the template, with no statement of its own."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from helpdesk.templatetags.design import avatar, channel, prio, remaining, waiting
from tickets.models.ticket import Priority, Status
from tickets.promises import promise_of
from tickets.queues import GROUPS, Selection, group_of, shown_count

_PLACE = 987654321


class RowWriter:
    """Turns the facts of `queues` into what `_ticket_row.html` shows, for one list."""

    def __init__(self, selection: Selection, *, current: int | None = None) -> None:
        self.query = selection.query()
        self.current = current
        self.now = timezone.now()
        self.page = reverse("tickets:ticket", args=[_PLACE])
        self.pane = reverse("tickets:conversation", args=[_PLACE])
        self.drawn: dict[tuple[Any, ...], SafeString] = {}
        self.priorities = {key: str(label) for key, label in Priority.choices}

    def write(self, facts: dict[str, Any]) -> dict[str, Any]:
        """Return the values of one row."""
        number, tail = str(facts["id"]), f"?{self.query}" if self.query else ""
        organization = facts["contact__organization__name"]
        who = facts["contact__name"] or facts["address"] or _("no name")
        return {
            "id": facts["id"],
            "protocol": facts["protocol"],
            "subject": facts["subject"],
            "preview": facts["preview"],
            "who": f"{who} · {organization}" if organization else who,
            "channel": self._drawn(channel, facts["channel__kind"] or "phone"),
            "priority": self._drawn(prio, facts["priority"], self.priorities.get(facts["priority"], "")),
            "assignee": self._drawn(avatar, facts["assignee__name"], "sm") if facts["assignee__name"] else "",
            "unread": facts["last_entry_id"] > (facts["read_to"] or 0),
            "current": facts["id"] == self.current,
            "held": facts["held"],
            "url": self.page.replace(str(_PLACE), number) + tail,
            "pane": self.pane.replace(str(_PLACE), number) + tail,
            "clock": self._clock(facts),
        }

    def _drawn(self, draw: Callable[..., SafeString], *args: str) -> SafeString:
        """Draw a symbol once a list: most rows share theirs."""
        known = self.drawn.get((draw, *args))
        if known is None:
            known = self.drawn[(draw, *args)] = draw(*args)
        return known

    def _clock(self, facts: dict[str, Any]) -> dict[str, Any]:
        """Say how long the customer waits; else how much of the promised time is left; else what it waits for."""
        if facts["unanswered"] and facts["waiting_since"]:
            said = waiting(facts["waiting_since"])
            tone = "danger" if facts["operation_stopped"] else ""
            return {
                "text": said,
                "title": _("Waiting for our answer for %(time)s") % {"time": said},
                "tone": tone,
                "since": facts["waiting_since"],
            }
        when: datetime | None = facts["when"]
        promise = promise_of(when, now=self.now)
        if promise is not None and facts["status"] not in (Status.RESOLVED, Status.CLOSED):
            return {
                "text": remaining(when),
                "title": _("Promised moment"),
                "tone": promise.tone,
                "ring": promise,
                "due": when,
            }
        return {"text": str(Status(facts["status"]).label), "title": _("Status"), "tone": ""}


def grouped(
    rows: list[dict[str, Any]], writer: RowWriter, counts: dict[str, int], *, after: str = ""
) -> list[dict]:
    """Return the groups of a page in order; the first has no title when it goes on from the page before."""
    groups: list[dict[str, Any]] = []
    for facts in rows:
        name = group_of(facts["queue_key"])
        if not groups or groups[-1]["name"] != name:
            count = counts.get(f"group:{name}")
            groups.append(
                {
                    "name": name,
                    "title": GROUPS[name][0],
                    "shown": name != after,
                    "n": shown_count(count) if count is not None else "",
                    "rows": [],
                }
            )
        groups[-1]["rows"].append(writer.write(facts))
    return groups
