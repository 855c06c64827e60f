"""Decides who is said to be on a ticket: who looks at it and who writes, for as long as their browser says so (R-092).

Kept in Redis only, for seconds: losing it loses nothing, and a broker that is away means that nobody is shown.
"""

import json
import time
from dataclasses import dataclass

import redis
from django.conf import settings

from helpdesk.lib.broker import client
from helpdesk.lib.sse import whisper
from helpdesk.people.models import User
from tickets.live import TOPIC
from tickets.models import Ticket

VIEWING, WRITING, GONE = "viewing", "writing", "gone"
LASTS_SECONDS = 45  # a browser says so every 20


@dataclass(frozen=True)
class Present:
    """A colleague on the ticket."""

    name: str
    first_name: str
    writing: bool


def note(ticket: Ticket, user: User, state: str) -> None:
    """Remember that the person is `viewing`, `writing` or `gone`; colleagues on the ticket hear of a change."""
    try:
        before = _states(ticket).get(user.pk)
        if state == GONE:
            client().hdel(_key(ticket), str(user.pk))
        else:
            entry = json.dumps({"state": state, "until": time.time() + LASTS_SECONDS})
            client().hset(_key(ticket), str(user.pk), entry)
            client().expire(_key(ticket), LASTS_SECONDS)
    except redis.RedisError:
        return
    if before != (None if state == GONE else state):
        _tell(ticket)


def others(ticket: Ticket, user: User) -> list[Present]:
    """Return the colleagues on the ticket, who writes first; one statement, none when the person is alone."""
    try:
        states = _states(ticket)
    except redis.RedisError:
        return []
    states.pop(user.pk, None)
    if not states:
        return []
    people = User.objects.filter(pk__in=states, is_active=True).order_by("name")
    found = [Present(each.name, each.first_name, states[each.pk] == WRITING) for each in people]
    return sorted(found, key=lambda each: not each.writing)


def _key(ticket: Ticket) -> str:
    return f"{settings.KEY_PREFIX}:presence:{ticket.pk}"


def _states(ticket: Ticket) -> dict[int, str]:
    now = time.time()
    held = {int(user): json.loads(entry) for user, entry in client().hgetall(_key(ticket)).items()}  # type: ignore[union-attr]  # the client is synchronous
    return {user: entry["state"] for user, entry in held.items() if entry["until"] > now}


def _tell(ticket: Ticket) -> None:
    whisper(
        TOPIC,
        {
            "presence": True,
            "ticket": ticket.pk,
            "department": ticket.department_id,
            "assignee": ticket.assignee_id or 0,
        },
    )
