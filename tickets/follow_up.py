"""Decides about a message that may continue another ticket: one click joins it, one keeps it apart (R-128)."""

from django.db import transaction

from helpdesk.people.models import User
from tickets import events, lifecycle
from tickets.models import MailReference, Participant, ThreadEntry, Ticket
from tickets.permissions import require


def join(ticket: Ticket, *, actor: User) -> Ticket:
    """Accept the proposal: the entries go to the other ticket, the sender takes part in it; return that ticket.

    Needs the right to reply on both tickets (A08). Raises `PermissionDenied`; `ValueError` when nothing is proposed.
    """
    with transaction.atomic():
        proposed = Ticket.objects.values_list("possible_follow_up_of", flat=True).get(pk=ticket.pk)
        locked = Ticket.objects.locked({ticket.pk, proposed or ticket.pk})
        ticket, target = locked[ticket.pk], locked.get(proposed or 0)
        if target is None or ticket.possible_follow_up_of_id != target.pk or ticket.merged_into_id:
            raise ValueError("no possible follow-up")
        require(actor, "ticket_merge", ticket)
        require(actor, "ticket_merge", target)
        moved = list(ticket.entries.order_by("id"))
        _move(ticket, target)
        lifecycle.merge_away(ticket, target, actor=actor)
        if any(entry.kind == ThreadEntry.Kind.CUSTOMER for entry in moved):
            lifecycle.reopen_for_customer(target)
        events.record("follow_up_joined", ticket, actor=actor, data={"to": target.protocol})
        events.record(
            "follow_up_joined", target, actor=actor, data={"to": target.protocol, "from": ticket.protocol}
        )
    return target


def _move(ticket: Ticket, target: Ticket) -> None:
    entries = ticket.entries.order_by("id")
    last = entries.last()
    words = entries.exclude(kind__in=[ThreadEntry.Kind.AUTO, ThreadEntry.Kind.NOTE]).last() or last
    entries.update(ticket=target, held=False)
    MailReference.objects.filter(ticket=ticket).update(ticket=target)
    known = Participant.objects.filter(ticket=target).values("contact")
    Participant.objects.filter(ticket=target, contact=ticket.contact).update(removed=False)
    newcomers = Participant.objects.filter(ticket=ticket).exclude(contact__in=known)
    Participant.objects.bulk_create(
        [
            Participant(ticket=target, contact_id=each.contact_id, kind=Participant.Kind.COPIED)
            for each in newcomers
        ],
        ignore_conflicts=True,
    )
    if last is not None and words is not None:
        target.last_entry_id = max(target.last_entry_id, last.pk)
        target.preview = " ".join(words.text.split())[:160]
        target.save(update_fields=["last_entry_id", "preview"])


def keep_apart(ticket: Ticket, *, actor: User) -> Ticket:
    """Refuse the proposal; the two stay linked. Can be undone by `reconsider`."""
    return _decide(ticket, actor=actor, decision="apart")


def reconsider(ticket: Ticket, *, actor: User) -> Ticket:
    """Take the refusal back: the proposal stands again."""
    return _decide(ticket, actor=actor, decision="")


def _decide(ticket: Ticket, *, actor: User, decision: str) -> Ticket:
    with transaction.atomic():
        ticket = Ticket.objects.select_for_update(no_key=True).get(pk=ticket.pk)
        require(actor, "ticket_reply", ticket)
        if (
            ticket.possible_follow_up_of_id is None
            or ticket.merged_into_id
            or ticket.follow_up_decision == decision
        ):
            return ticket
        ticket.follow_up_decision = decision
        ticket.save(update_fields=["follow_up_decision"])
        if decision and ticket.possible_follow_up_of is not None:
            to = ticket.possible_follow_up_of.protocol
            events.record("follow_up_apart", ticket, actor=actor, data={"to": to})
    return ticket


def proposal(ticket: Ticket, user: User) -> Ticket | None:
    """Return the other ticket when the user may see it; the proposal shows nothing of a hidden one."""
    if ticket.possible_follow_up_of_id is None or ticket.merged_into_id:
        return None
    return Ticket.objects.visible_to(user).filter(pk=ticket.possible_follow_up_of_id).first()
