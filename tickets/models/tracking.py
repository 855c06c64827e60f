"""Decides how a customer reaches the own ticket: a fresh token for every outgoing message, stored as a hash (R-130)."""

from django.db import models

from helpdesk.lib.clock import AppNow
from helpdesk.people.models import Contact
from tickets.models.ticket import Ticket


class TrackingToken(models.Model):
    """One link. Never single-use; dies with the ticket's links (180 days after closing) or when revoked."""

    token_hash = models.BinaryField(max_length=32, unique=True)
    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="+")
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="+", db_index=False)
    created_at = models.DateTimeField(db_default=AppNow())
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.ticket_id}/{self.contact_id}"
