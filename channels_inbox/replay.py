"""Decides what happens when stored arrivals are read once more, for example after a parser was mended (R-147).

No state moves that reliability 1.6 does not move: a dead row becomes new and is worked at once; a done one stays done,
and the desk only adds what is missing; an ignored one was for nobody and stays so. The arrival's one entry is what
makes it safe: whoever replays a thousand times gets one entry, one acknowledgement and one event.
"""

import logging
import time
from datetime import datetime

from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import F, QuerySet
from django.utils.timezone import is_naive, make_aware
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from channels_inbox import inbox
from channels_inbox.adapters import adapter_for
from channels_inbox.adapters.base import DeliveryReceipt
from channels_inbox.confined import ParseTooExpensive, parse_confined
from channels_inbox.desk import get_desk
from channels_inbox.models import InboundMessage, Replay
from channels_inbox.tasks import replay_inbound, ring_after_commit
from helpdesk.lib.clock import AppNow
from helpdesk.lib.durable import LeaseLost, in_seconds
from helpdesk.people.audit import record
from helpdesk.people.models import User

logger = logging.getLogger(__name__)
MOST_ROWS = 5000
SECONDS = 15
STATES = ("dead", "quarantined", "done")
OUTCOMES = {
    "entry": gettext_lazy("new in a ticket"),
    "more": gettext_lazy("with something new"),
    "same": gettext_lazy("nothing new"),
    "nobody": gettext_lazy("nothing for the desk"),
    "waiting": gettext_lazy("waiting already"),
    "unread": gettext_lazy("cannot be read"),
}


class TooMany(Exception):
    """More rows than one replay takes; the sentence is for people."""


def choose(rows: QuerySet[InboundMessage], state: str) -> QuerySet[InboundMessage]:
    """Return the rows of a state; `quarantined` are the dead ones nobody has tried to read yet."""
    if state == "quarantined":
        return rows.filter(state=InboundMessage.DEAD, attempts=0)
    return rows.filter(state=state)


def ask(rows: QuerySet[InboundMessage], *, actor: User) -> Replay:
    """Write down which rows are to be read once more and wake a worker; oldest first. Raises `TooMany`."""
    wanted = list(rows.order_by("id").values_list("pk", flat=True)[: MOST_ROWS + 1])
    if len(wanted) > MOST_ROWS:
        raise TooMany(_("At most %(n)s messages at once: choose fewer.") % {"n": MOST_ROWS})
    with transaction.atomic():
        replay = Replay.objects.create(asked_by=actor, wanted=wanted)
        record("replay_asked", actor=actor, subject=str(replay.pk), after={"messages": len(wanted)})
        ring_after_commit(replay_inbound)
    return replay


def replay_due() -> bool:
    """Work at one replay for a quarter of a minute, then give it back; True when there was one."""
    held = Replay.objects.all().claim(1, related=["asked_by"])
    for replay in held:
        try:
            _work(replay)
        except LeaseLost:
            logger.warning("replay %s: lease lost", replay.pk)
        except Exception as error:
            logger.exception("replay %s failed", replay.pk)
            replay.fail(error)
    return bool(held)


def _work(replay: Replay) -> None:
    end = time.monotonic() + SECONDS
    while replay.position < len(replay.wanted):
        if time.monotonic() > end:
            Replay.put_back([replay])
            return
        outcome = read_again(
            replay.wanted[replay.position], actor=replay.asked_by, isolated=replay.attempts > 1
        )
        _note(replay, outcome)
    replay.finish(finished_at=AppNow())


def _note(replay: Replay, outcome: str) -> None:
    """Count one row and hold the lease on. A crash before this repeats the row, which then says "nothing new"."""
    replay.position += 1
    replay.found = {**replay.found, outcome: replay.found.get(outcome, 0) + 1}
    mine = Replay.objects.filter(pk=replay.pk, lease_token=replay.lease_token)
    lease = in_seconds(settings.LEASE_SECONDS)
    if not mine.update(position=F("position") + 1, found=replay.found, lease_until=lease, next_at=lease):
        raise LeaseLost(f"replay {replay.pk}")


def read_again(pk: int, *, actor: User | None, isolated: bool = False) -> str:
    """Read one arrival once more; return which of `OUTCOMES` came of it. Never raises for what the mail is."""
    row = InboundMessage.objects.select_related("channel").filter(pk=pk).first()
    if row is None or row.state == InboundMessage.IGNORED:
        return "nobody"
    if row.state == InboundMessage.DEAD:
        return _try_dead(row, actor=actor)
    if row.state != InboundMessage.DONE:
        return "waiting"
    try:
        return _add_missing(row, actor=actor, isolated=isolated or row.attempts > 1)
    except OperationalError:
        raise  # the database is away: the whole replay waits
    except (Exception, ParseTooExpensive):
        logger.exception("inbound %s could not be read again", pk)
        return "unread"


def _try_dead(row: InboundMessage, *, actor: User | None) -> str:
    """Give a dead row its attempts back and make the first one here."""
    if not inbox.try_again(row):
        return "waiting"
    for mine in InboundMessage.objects.filter(pk=row.pk).claim(1, related=["channel"]):
        inbox.process(mine)
    row.refresh_from_db(fields=["state", "last_error"])
    if row.state == InboundMessage.DONE:
        _audit(row, ["entry"], actor=actor)
        return "entry"
    return "nobody" if row.state == InboundMessage.IGNORED else "unread"


def _add_missing(row: InboundMessage, *, actor: User | None, isolated: bool) -> str:
    """Let the desk compare a done row with what the parser reads now; the row is locked, its state stays."""
    if row.payload is None and not row.payload_file:
        return "same"  # the raw bytes were erased: nothing to compare with
    parsed = parse_confined(adapter_for(row.channel), inbox.payload_of(row), isolated=isolated)
    if isinstance(parsed, DeliveryReceipt):
        return "same"  # applied when it came; its status only climbs
    with transaction.atomic():
        if (
            not InboundMessage.objects.select_for_update()
            .filter(pk=row.pk, state=InboundMessage.DONE)
            .exists()
        ):
            return "waiting"
        new = get_desk().read_again(row, parsed)
        if new:
            _audit(row, new, actor=actor)
    return ("entry" if "entry" in new else "more") if new else "same"


def _audit(row: InboundMessage, new: list[str], *, actor: User | None) -> None:
    record("inboundmessage_read_again", actor=actor, subject=str(row), after={"new": new})


def sentence_of(found: dict[str, int]) -> str:
    """Say what came of a replay: each outcome that occurred, with its number."""
    parts = [f"{label}: {found[key]}" for key, label in OUTCOMES.items() if found.get(key)]
    return ", ".join(parts) or str(OUTCOMES["same"])


def since_of(text: str) -> datetime:
    """Read an ISO moment or day; a moment without a zone is the installation's. Raises `ValueError`."""
    moment = datetime.fromisoformat(text)
    return make_aware(moment) if is_naive(moment) else moment
