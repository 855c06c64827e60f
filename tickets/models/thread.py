"""Decides what a conversation is made of: entries, their files, their deliveries, the ids mail knows them by."""

from typing import Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from channels_inbox.models import Channel, InboundMessage, MessageAttachment, OutboundMessage
from helpdesk.lib.clock import AppNow
from helpdesk.people.models import Contact, User
from tickets.models.ticket import Ticket


class EntryQuerySet(models.QuerySet):
    def visible_to(self, user: User) -> Self:
        """Entries of tickets the user may read."""
        return self.filter(ticket__in=Ticket.objects.visible_to(user))

    def for_customer(self) -> Self:
        """What the customer may see: messages in both directions, never a note, never an undone reply."""
        return self.filter(kind__in=ThreadEntry.PUBLIC, withdrawn=False)


class ThreadEntry(models.Model):
    """One thing somebody wrote (or the product sent) on a ticket."""

    class Kind(models.TextChoices):
        CUSTOMER = "customer", _("Message from the customer")
        REPLY = "reply", _("Reply")
        NOTE = "note", _("Internal note")
        AUTO = "auto", _("Automatic text")
        BOUNCE = "bounce", _("Message that came back")

    PUBLIC = (Kind.CUSTOMER, Kind.REPLY, Kind.AUTO)

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="entries", db_index=False)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    contact = models.ForeignKey(
        Contact, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    channel = models.ForeignKey(
        Channel, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    inbound = models.OneToOneField(InboundMessage, null=True, on_delete=models.PROTECT, related_name="+")
    subject = models.CharField(max_length=255, blank=True)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True)
    has_original = models.BooleanField(default=False)
    automatic = models.BooleanField(default=False)
    held = models.BooleanField(default=False)
    withdrawn = models.BooleanField(default=False)
    message_id = models.CharField(max_length=255, blank=True)
    recipients = models.JSONField(default=dict, blank=True)
    idem_key = models.CharField(max_length=80, null=True)
    created_at = models.DateTimeField(db_default=AppNow())

    objects = EntryQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("entry"), _("entries")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=["customer", "reply", "note", "auto", "bounce"]),
                name="entry_kind",
            ),
            models.UniqueConstraint(
                fields=["idem_key"], condition=models.Q(idem_key__isnull=False), name="entry_written_once"
            ),
        ]
        indexes = [models.Index(fields=["ticket", "id"], name="entry_of_ticket")]

    def __str__(self) -> str:
        return f"{self.ticket_id}#{self.pk}"

    @property
    def sender_name(self) -> str:
        """The name a customer's message shows: the contact's, else what the message gave, else ''."""
        given = self.recipients.get("from") or ["", ""]
        return (self.contact.name if self.contact else "") or given[0] or given[-1]


class EntryAttachment(models.Model):
    """A file of an entry."""

    entry = models.ForeignKey(ThreadEntry, on_delete=models.CASCADE, related_name="attachments")
    file = models.ForeignKey(MessageAttachment, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"{self.entry_id}/{self.file_id}"


class EntryDelivery(models.Model):
    """One recipient of an entry and the row that carries it: a mail to several people is one row each."""

    entry = models.ForeignKey(ThreadEntry, on_delete=models.CASCADE, related_name="deliveries")
    contact = models.ForeignKey(Contact, null=True, on_delete=models.SET_NULL, related_name="+")
    outbound = models.OneToOneField(OutboundMessage, on_delete=models.CASCADE, related_name="+")

    def __str__(self) -> str:
        return f"{self.entry_id}/{self.outbound_id}"


class MailReference(models.Model):
    """A Message-ID by which a ticket is known: its own (`own`), or one an earlier arrival referred to.

    The second kind links an answer that arrived before the mail it answers.
    """

    message_id = models.CharField(max_length=255)
    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="+")
    own = models.BooleanField(default=True)

    class Meta:
        indexes = [models.Index(fields=["message_id"], name="reference_by_id")]

    def __str__(self) -> str:
        return self.message_id


class Draft(models.Model):
    """What an analyst is writing on a ticket; it belongs to its author and outlives reload and logout."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=10, default="reply")
    text = models.TextField(blank=True)
    to_all = models.BooleanField(null=True)
    base_entry_id = models.BigIntegerField(default=0)
    updated_at = models.DateTimeField(db_default=AppNow())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "ticket"], name="one_draft_each")]

    def __str__(self) -> str:
        return f"{self.user_id}/{self.ticket_id}"


class DraftFile(models.Model):
    """An uploaded file, bound to its uploader and draft until the draft is sent (A27)."""

    draft = models.ForeignKey(Draft, on_delete=models.CASCADE, related_name="files")
    file = models.ForeignKey(MessageAttachment, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"{self.draft_id}/{self.file_id}"
