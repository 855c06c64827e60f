"""Decides nothing: the desk's tasks, a leaf anyone may import; what they call is imported inside."""

from celery import shared_task

from channels_inbox.tasks import drain, ring_quietly


@shared_task
def react() -> None:
    """Drain reactions that are due."""
    from tickets.reactions import react_due

    drain(react_due, react)


@shared_task
def sweep_desk() -> None:
    """Every 15 s: take back reactions of dead workers, ring for what is due, close what is resolved long enough."""
    from tickets.alarms import uncertain_too_long
    from tickets.housekeeping import sweep_tickets
    from tickets.models import Reaction

    Reaction.heal_clock()
    Reaction.release_expired()
    if Reaction.objects.all().due().exists():
        ring_quietly(react)
    sweep_tickets()
    uncertain_too_long()


@shared_task
def tidy() -> None:
    """Every hour: forget sessions that ended by their age."""
    from helpdesk.people.access import forget_expired_sessions

    forget_expired_sessions()
