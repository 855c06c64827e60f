"""Decides what follows from an event: each consumer works on its own row, under its own claim."""

import logging
from collections.abc import Callable

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import translation

from channels_inbox.tasks import one_ring
from helpdesk.lib.clock import app_now
from helpdesk.lib.durable import LeaseLost, crash_point
from helpdesk.people.models import ContactAddress
from helpdesk.people.site import site_settings
from tickets import live
from tickets.calendars import calendar_of
from tickets.dispatch import AUTOMATIC_AN_HOUR, automatic_lately, send
from tickets.mail_out import Recipient
from tickets.models import ChannelPolicy, EntryDelivery, Reaction, ThreadEntry, Ticket, TicketEvent
from tickets.models.ticket import Priority
from tickets.system_texts import fill, find_texts, values_for

logger = logging.getLogger(__name__)


def react_due() -> int:
    """Claim one batch of due reactions and work each in its own transaction; return how many were claimed."""
    rows = Reaction.objects.all().claim(settings.CLAIM_BATCH, related=["event__ticket__department"])
    with one_ring():
        for row in rows:
            run(row)
    return len(rows)


def run(row: Reaction) -> None:
    """Work one claimed reaction; a failure waits, then stands as dead, and touches no other consumer."""
    try:
        with transaction.atomic():
            CONSUMERS[row.consumer](row.event)
            crash_point("reaction_before_commit")
            row.finish()
        crash_point("reaction_after_commit")
    except LeaseLost:
        logger.warning("reaction %s: lease lost, rolled back", row.pk)
    except Exception as error:
        logger.exception("reaction %s failed", row.pk)
        row.fail(error)


def push_live(event: TicketEvent) -> None:
    """Tell open screens which ticket changed; they fetch it themselves, with their own rights."""
    live.publish(event)


def acknowledge(event: TicketEvent) -> None:
    """Confirm receipt of a new ticket to its customer, once (R-019, R-129, A23).

    States protocol, the target in words (or the next opening when closed) and the tracking link. Never echoes
    the stranger's words, never to robots, at most three an hour to one person.
    """
    ticket = event.ticket
    policy = _policy_of(ticket)
    address = ContactAddress.objects.filter(contact=ticket.contact_id, kind="email", bounced_at=None).first()
    if policy is None or not policy.acknowledge or address is None or address.value.endswith(".invalid"):
        return
    recent = automatic_lately(ticket.contact_id)
    if recent.count() >= AUTOMATIC_AN_HOUR or _echoes(ticket, recent):
        return
    with translation.override(ticket.contact.language):
        _send_acknowledgement(event, policy, address.value)


def _echoes(ticket: Ticket, recent: QuerySet[EntryDelivery]) -> bool:
    """Whether the message names a ticket we have just confirmed to the same person: it answers our confirmation, so
    a program that hides what it is gets no second one (R-129)."""
    hint = ticket.hinted_protocol
    return bool(hint) and recent.filter(entry__ticket__protocol=hint).exists()


def _policy_of(ticket: Ticket) -> ChannelPolicy | None:
    """Return the policy of the ticket's channel; a form has none of its own and takes the department's for mail."""
    policies = ChannelPolicy.objects.select_related("channel")
    if not _is_form(ticket):
        return policies.filter(channel=ticket.channel_id).first()
    return policies.filter(
        department=ticket.department_id, channel__kind="email", channel__enabled=True
    ).first()


def _is_form(ticket: Ticket) -> bool:
    return ticket.channel is not None and ticket.channel.kind == "portal"


def _send_acknowledgement(event: TicketEvent, policy: ChannelPolicy, address: str) -> None:
    ticket, now = event.ticket, app_now()
    key = _acknowledgement_key(ticket, now)
    texts = find_texts([key, "auto_padrao"], department=ticket.department, language=ticket.contact.language)
    values = values_for(ticket, contact=ticket.contact, channel=policy.channel, policy=policy, now=now)
    text = fill(texts[key] or texts["auto_padrao"], values)
    if not text:
        return
    entry = ThreadEntry.objects.create(
        ticket=ticket, kind=ThreadEntry.Kind.AUTO, channel=ticket.channel, text=text, automatic=True,
        idem_key=f"ack:{event.pk}", created_at=now,
    )  # fmt: skip
    send(entry, ticket, to=[Recipient(ticket.contact, address)], neutral=True)
    live.publish(event)


def _acknowledgement_key(ticket, now) -> str:
    if ticket.priority == Priority.CRITICAL:
        return "auto_parada"
    open_now = calendar_of(ticket.department, site=site_settings(), near=now).is_open(now)
    return "auto_padrao" if open_now else "auto_fora_horario"


CONSUMERS: dict[str, Callable[[TicketEvent], None]] = {"live": push_live, "acknowledge": acknowledge}
