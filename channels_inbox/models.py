"""Decides what is stored of a channel and of every message that came in or must go out."""

from typing import Any

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _

from helpdesk.lib.clock import AppNow
from helpdesk.lib.durable import DurableRow
from helpdesk.lib.encryption import decrypt_json, encrypt_json
from helpdesk.people.models import User


class Channel(models.Model):
    """One way in and out: a mailbox, a number, a widget. What the desk wants of it is not its business."""

    class Alarm(models.TextChoices):
        FAILING = "failing", _("The connection fails")
        REFUSED = "refused", _("The credentials are refused")
        SILENT = "silent", _("Nothing arrives")
        SENDING = "sending", _("The sending server refuses the credentials")
        PROBE = "probe", _("The test message did not come back")

    key = models.SlugField(_("key"), unique=True)
    kind = models.CharField(_("kind"), max_length=20)
    name = models.CharField(_("name"), max_length=100)
    address = models.CharField(_("address or number"), max_length=254, blank=True)
    enabled = models.BooleanField(_("in use"), default=True)
    options = models.JSONField(_("connection"), default=dict, blank=True)
    sealed_credentials = models.BinaryField(null=True, editable=False)
    cursor = models.JSONField(default=dict, editable=False)
    poll_lease_until = models.DateTimeField(null=True, editable=False)
    poll_lease_token = models.UUIDField(null=True, editable=False)
    last_inbound_at = models.DateTimeField(_("last message"), null=True, editable=False)
    last_success_at = models.DateTimeField(_("last good connection"), null=True, editable=False)
    failing_since = models.DateTimeField(_("failing since"), null=True, editable=False)
    last_error = models.TextField(_("last error"), blank=True, editable=False)
    sending_paused_until = models.DateTimeField(null=True, editable=False)
    alarmed_at = models.DateTimeField(null=True, editable=False)
    alarm_reason = models.CharField(
        max_length=10, choices=Alarm.choices, blank=True, default="", editable=False
    )
    probe_sent_at = models.DateTimeField(null=True, editable=False)
    probe_back_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name, verbose_name_plural = _("channel"), _("channels")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def credentials(self) -> dict[str, Any]:
        """The secrets of this channel, opened. Never shown, logged or serialised."""
        return decrypt_json(bytes(self.sealed_credentials)) if self.sealed_credentials else {}

    def seal(self, credentials: dict[str, Any]) -> None:
        """Set (not save) the secrets, encrypted with a key that is not in the database."""
        self.sealed_credentials = encrypt_json(credentials) if credentials else None


class ChannelThread(models.Model):
    """All that a channel knows of a conversation: the far address and the order of what is sent to it."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="threads")
    far_address = models.CharField(max_length=320)
    last_inbound_at = models.DateTimeField(null=True)
    sequence = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["channel", "far_address"], name="one_thread_per_address")
        ]

    def __str__(self) -> str:
        return self.far_address


class InboundMessage(DurableRow):
    """What arrived, raw, stored before anyone interprets it."""

    IGNORED = "ignored"

    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, related_name="inbound", db_index=False)
    fingerprint = models.BinaryField(max_length=64)
    external_id = models.CharField(max_length=255, blank=True)
    payload = models.BinaryField(null=True)
    payload_file = models.CharField(max_length=200, blank=True)
    size = models.PositiveIntegerField(_("size"), default=0)
    imported = models.BooleanField(_("imported"), default=False)
    received_at = models.DateTimeField(_("received"), db_default=AppNow())

    class Meta:
        verbose_name, verbose_name_plural = _("received message"), _("received messages")
        constraints = [
            models.UniqueConstraint(fields=["channel", "fingerprint"], name="inbound_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=["new", "done", "ignored", "dead"]), name="inbound_state"
            ),
        ]
        indexes = [
            models.Index(fields=["next_at", "id"], condition=models.Q(state="new"), name="inbound_due"),
            models.Index(fields=["id"], condition=models.Q(state="dead"), name="inbound_dead"),
            BrinIndex(fields=["received_at"], name="inbound_by_arrival"),
        ]

    def __str__(self) -> str:
        return f"{self.channel_id}/{self.pk}"


class OutboundMessage(DurableRow):
    """What must leave, rendered and frozen with its Message-ID, so that a repeat is byte-equal."""

    WAITING = "queued"
    CLAIMED = "sending"
    DONE = "sent"
    DEAD = "failed"
    UNCERTAIN = "uncertain"
    CANCELLED = "cancelled"
    longest_wait = 4 * 3600.0

    class Purpose(models.TextChoices):
        REPLY = "reply", _("Reply")
        AUTO = "auto", _("Automatic text")
        NOTIFY = "notify", _("Notice to the team")

    class Receipt(models.TextChoices):
        NONE = "", ""
        ACCEPTED = "accepted", _("Accepted")
        DELIVERED = "delivered", _("Delivered")
        READ = "read", _("Read")
        BOUNCED = "bounced", _("Came back")

    state = models.CharField(_("state"), max_length=12, default="queued")
    channel = models.ForeignKey(
        Channel, null=True, on_delete=models.PROTECT, related_name="outbound", db_index=False
    )
    thread = models.ForeignKey(
        ChannelThread, null=True, on_delete=models.PROTECT, related_name="outbound", db_index=False
    )
    position = models.BigIntegerField(default=0)
    purpose = models.CharField(_("purpose"), max_length=8, choices=Purpose.choices)
    idem_key = models.CharField(max_length=120)
    payload = models.BinaryField()
    message_id = models.CharField(max_length=255)
    recipient = models.CharField(_("recipient"), max_length=320)
    subject = models.CharField(_("subject"), max_length=255, blank=True)
    created_at = models.DateTimeField(_("written"), db_default=AppNow())
    handed_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(_("sent"), null=True)
    provider_id = models.CharField(max_length=255, blank=True)
    receipt = models.CharField(max_length=10, choices=Receipt.choices, default=Receipt.NONE, blank=True)
    receipt_detail = models.CharField(max_length=500, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("outgoing message"), _("outgoing messages")
        constraints = [
            models.UniqueConstraint(fields=["idem_key"], name="outbound_written_once"),
            models.UniqueConstraint(fields=["message_id"], name="outbound_message_id_once"),
            models.CheckConstraint(
                condition=models.Q(
                    state__in=["queued", "sending", "sent", "uncertain", "failed", "cancelled"]
                ),
                name="outbound_state",
            ),
            models.CheckConstraint(
                condition=models.Q(receipt__in=["", "accepted", "delivered", "read", "bounced"]),
                name="outbound_receipt",
            ),
            models.UniqueConstraint(
                fields=["thread", "position"],
                condition=models.Q(thread__isnull=False),
                name="one_row_a_position",
            ),
        ]
        indexes = [
            models.Index(fields=["next_at", "id"], condition=models.Q(state="queued"), name="outbound_due"),
            models.Index(
                fields=["thread", "position"],
                condition=models.Q(state__in=["queued", "sending"]),
                name="outbound_order",
            ),
            models.Index(
                fields=["id"],
                condition=models.Q(state__in=["failed", "uncertain"]),
                name="outbound_needs_people",
            ),
            models.Index(
                fields=["provider_id"],
                condition=~models.Q(provider_id__in=["", "local-mailbox"]),
                name="outbound_by_provider_id",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.recipient} {self.message_id}"


class Replay(DurableRow):
    """Stored arrivals somebody wants read once more: which, how far it is, and what came of it (R-147)."""

    asked_by = models.ForeignKey(
        User, verbose_name=_("asked by"), null=True, on_delete=models.PROTECT, related_name="+"
    )
    asked_at = models.DateTimeField(_("asked"), db_default=AppNow(), editable=False)
    wanted = models.JSONField(default=list, editable=False)  # ids of arrivals, oldest first
    position = models.PositiveIntegerField(default=0, editable=False)
    found = models.JSONField(default=dict, editable=False)  # outcome → how many
    finished_at = models.DateTimeField(_("finished"), null=True, editable=False)

    class Meta:
        verbose_name, verbose_name_plural = _("replay"), _("replays")
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=["new", "done", "dead"]), name="replay_state")
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


class ProviderSecret(models.Model):
    """A secret shared with a mail provider; the two newest of a kind hold, so that it changes in peace (R-147)."""

    class Kind(models.TextChoices):
        ADDRESS = "address", _("Name and password in the webhook address")
        MAILGUN = "mailgun", _("Signing key of Mailgun")

    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices, default=Kind.ADDRESS)
    sealed = models.BinaryField(editable=False)
    made_at = models.DateTimeField(_("since"), db_default=AppNow(), editable=False)

    class Meta:
        verbose_name, verbose_name_plural = _("provider secret"), _("provider secrets")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} #{self.pk}"


class MessageAttachment(models.Model):
    """One attached file: the name its sender gave, the type its bytes have, and the hash under which they lie."""

    sha256 = models.CharField(max_length=64)
    name = models.CharField(_("name"), max_length=255)
    content_type = models.CharField(max_length=120)
    size = models.PositiveIntegerField()
    inline = models.BooleanField(default=False)
    content_id = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(db_default=AppNow())

    class Meta:
        verbose_name, verbose_name_plural = _("attachment"), _("attachments")

    def __str__(self) -> str:
        return self.name
