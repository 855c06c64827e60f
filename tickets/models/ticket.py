"""Decides what a ticket is: its facts, its constraints, and who may fetch it."""

from collections.abc import Iterable
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from channels_inbox.models import Channel
from helpdesk.lib.clock import AppNow
from helpdesk.people.models import Contact, User
from tickets.models.department import Department


class Status(models.TextChoices):
    NEW = "new", _("New")
    OPEN = "open", _("In progress")
    WAITING_CUSTOMER = "waiting_customer", _("Waiting for customer")
    WAITING_DEPARTMENT = "waiting_department", _("Waiting for department")
    RETURN_TO_CONFIRM = "return_to_confirm", _("Return to confirm")
    SCHEDULED = "scheduled", _("Scheduled")
    RESOLVED = "resolved", _("Resolved")
    CLOSED = "closed", _("Closed")


class Outcome(models.TextChoices):
    SOLVED = "resolvido", _("Solved")
    INFORMATION = "informacao", _("Information given")
    NO_ANSWER = "sem_retorno", _("No answer from the customer")
    DUPLICATE = "duplicado", _("Duplicate")
    SPAM = "spam", _("Spam")
    NOT_OURS = "nao_e_conosco", _("Not for us")


class Priority(models.TextChoices):
    CRITICAL = "critica", _("Critical")
    HIGH = "alta", _("High")
    NORMAL = "normal", _("Normal")
    LOW = "baixa", _("Low")


FINISHED = (Status.RESOLVED, Status.CLOSED)


class TicketQuerySet(models.QuerySet):
    def visible_to(self, user: User) -> Self:
        """Tickets the user may read: own departments, own tickets, or all (D.1 `ticket_read`)."""
        from tickets.permissions import tickets_with

        return tickets_with(self, user, "ticket_read")

    def unfinished(self) -> Self:
        return self.exclude(status__in=FINISHED)

    def locked(self, keys: Iterable[int]) -> "dict[int, Ticket]":
        """Lock these tickets until commit; return key → ticket.

        Whoever holds several takes them in this one order, so that nobody waits in a circle.
        """
        wanted = set(keys)
        rows: Any = self.select_for_update(no_key=True).filter(pk__in=wanted).order_by("pk")
        return {row.pk: row for row in rows} if wanted else {}


class Ticket(models.Model):
    """One request of a customer, from the first message to the last (on screen: chamado)."""

    protocol = models.CharField(_("protocol"), max_length=12)
    subject = models.CharField(_("subject"), max_length=255)
    status = models.CharField(_("status"), max_length=20, choices=Status.choices, default=Status.NEW)
    status_before = models.CharField(max_length=20, choices=Status.choices, blank=True)
    outcome = models.CharField(_("outcome"), max_length=16, choices=Outcome.choices, blank=True)
    priority = models.CharField(
        _("priority"), max_length=8, choices=Priority.choices, default=Priority.NORMAL
    )
    operation_stopped = models.BooleanField(_("operation stopped"), default=False)
    department = models.ForeignKey(
        Department, verbose_name=_("department"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("agent"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,
    )
    contact = models.ForeignKey(
        Contact, verbose_name=_("contact"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    channel = models.ForeignKey(
        Channel,
        verbose_name=_("channel"),
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )

    # The trio: analyst, composer, customer and supervisor see the same three fields.
    now = models.CharField(_("now"), max_length=300, blank=True)
    next_step = models.CharField(_("next step"), max_length=300, blank=True)
    when = models.DateTimeField(_("when"), null=True, blank=True)

    unanswered = models.BooleanField(default=True)
    waiting_since = models.DateTimeField(null=True, db_default=AppNow())
    identification_pending = models.BooleanField(default=False)
    held = models.BooleanField(_("sender not verified"), default=False)
    possible_follow_up_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    follow_up_decision = models.CharField(max_length=8, blank=True, choices=[("joined", ""), ("apart", "")])
    hinted_protocol = models.CharField(max_length=12, blank=True)
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    imported = models.BooleanField(default=False)
    demo = models.BooleanField(default=False)

    created_at = models.DateTimeField(_("opened"), db_default=AppNow())
    updated_at = models.DateTimeField(_("changed"), db_default=AppNow())
    resolved_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    last_entry_id = models.BigIntegerField(default=0)
    preview = models.CharField(max_length=160, blank=True)
    queue_key = models.CharField(max_length=40, default="")

    objects = TicketQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("ticket"), _("tickets")
        # Every foreign key's look-up is served by one of the indexes below; a plain one each would double the cost
        # of opening a ticket.
        constraints = [
            models.UniqueConstraint(fields=["protocol"], name="protocol_once"),
            models.CheckConstraint(condition=models.Q(status__in=Status.values), name="ticket_status"),
            models.CheckConstraint(
                condition=~models.Q(status__in=["resolved", "closed"]) | ~models.Q(outcome=""),
                name="finished_ticket_has_outcome",
            ),
        ]
        indexes = [
            models.Index(
                fields=["department", "queue_key", "id"],
                condition=~models.Q(status__in=["resolved", "closed"]),
                name="ticket_queue",
            ),
            models.Index(
                fields=["assignee", "queue_key", "id"],
                condition=~models.Q(status__in=["resolved", "closed"]),
                name="ticket_mine",
            ),
            models.Index(
                fields=["queue_key", "id"],
                condition=~models.Q(status__in=["resolved", "closed"]),
                name="ticket_queue_all",
            ),
            models.Index(fields=["department", "status", "-updated_at", "-id"], name="ticket_by_status"),
            models.Index(
                fields=["-updated_at", "-id"],
                condition=models.Q(status__in=["resolved", "closed"]),
                name="ticket_finished",
            ),
            models.Index(fields=["contact", "-id"], name="ticket_of_contact"),
            models.Index(
                fields=["possible_follow_up_of"],
                condition=models.Q(possible_follow_up_of__isnull=False),
                name="ticket_follow_up_of",
            ),
            models.Index(
                fields=["merged_into"],
                condition=models.Q(merged_into__isnull=False),
                name="ticket_merged_into",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.protocol} {self.subject}"

    @property
    def finished(self) -> bool:
        return self.status in FINISHED


class Participant(models.Model):
    """A contact who takes part in a ticket: the customer, or a person in copy accepted as one (R-128)."""

    class Kind(models.TextChoices):
        REQUESTER = "requester", _("Customer")
        COPIED = "copied", _("In copy")

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="participants", db_index=False)
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.REQUESTER)
    removed = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["ticket", "contact"], name="participant_once")]

    def __str__(self) -> str:
        return f"{self.ticket_id}/{self.contact_id}"


class TicketRead(models.Model):
    """How far one analyst has read a ticket."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="+")
    entry_id = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "ticket"], name="one_read_mark")]

    def __str__(self) -> str:
        return f"{self.user_id}/{self.ticket_id}"


class ProtocolCounter(models.Model):
    """One row per local year; updated inside the transaction that opens the ticket (R-002)."""

    year = models.PositiveSmallIntegerField(primary_key=True)
    last = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.year}: {self.last}"
