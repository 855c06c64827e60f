"""Decides what is remembered of a ticket (events, append-only) and what must follow from it (reactions)."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from helpdesk.lib.clock import AppNow
from helpdesk.lib.durable import DurableRow
from tickets.models.thread import ThreadEntry
from tickets.models.ticket import Ticket


class TicketEvent(models.Model):
    """Something that happened. Written once; with the entries it is the timeline."""

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="events", db_index=False)
    kind = models.CharField(max_length=40)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    entry = models.ForeignKey(
        ThreadEntry, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    data = models.JSONField(default=dict)
    at = models.DateTimeField(db_default=AppNow())

    class Meta:
        verbose_name, verbose_name_plural = _("event"), _("events")
        indexes = [models.Index(fields=["ticket", "id"], name="event_of_ticket")]

    def __str__(self) -> str:
        return f"{self.kind} {self.ticket_id}"


class Reaction(DurableRow):
    """What one consumer must do about one event; one consumer's failure never re-runs another."""

    event = models.ForeignKey(TicketEvent, on_delete=models.CASCADE, related_name="reactions", db_index=False)
    consumer = models.CharField(max_length=40)

    class Meta:
        verbose_name, verbose_name_plural = _("reaction"), _("reactions")
        constraints = [
            models.UniqueConstraint(fields=["event", "consumer"], name="reaction_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=["new", "done", "dead"]), name="reaction_state"
            ),
        ]
        indexes = [
            models.Index(fields=["next_at", "id"], condition=models.Q(state="new"), name="reaction_due"),
            models.Index(fields=["id"], condition=models.Q(state="dead"), name="reaction_dead"),
        ]

    def __str__(self) -> str:
        return f"{self.consumer} {self.event_id}"
