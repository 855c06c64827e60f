"""Decides what the product knows of people: who works here, who the customers are, and what was audited.

Everybody may point at these rows with real foreign keys; this app imports no other.
"""

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from helpdesk.lib.clock import AppNow
from helpdesk.lib.durable import DurableRow

LANGUAGES = [("pt-br", _("Portuguese (Brazil)")), ("en", _("English"))]


class UserManager(BaseUserManager["User"]):
    """Makes accounts; an account without a password can sign in only after its invitation is accepted."""

    def create_user(self, email: str, password: str | None = None, **fields: object) -> "User":
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: object) -> "User":
        return self.create_user(email, password, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """Somebody who works at the desk. Rights come from memberships (`tickets.permissions`), never from flags."""

    email = models.EmailField(_("e-mail"), unique=True)
    name = models.CharField(_("name"), max_length=120)
    language = models.CharField(_("language"), max_length=8, choices=LANGUAGES, default="pt-br")
    is_active = models.BooleanField(_("active"), default=True)
    undo_seconds = models.PositiveSmallIntegerField(
        _("undo window"), default=10, choices=[(n, f"{n} s") for n in (0, 5, 10, 20, 30)]
    )
    shortcut_keys = models.BooleanField(_("single-letter keys"), default=True)
    security_stamp = models.PositiveIntegerField(default=0, editable=False)
    date_joined = models.DateTimeField(_("since"), db_default=AppNow(), editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name, verbose_name_plural = _("person of the team"), _("people of the team")
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_once")]

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def first_name(self) -> str:
        """The name a customer reads."""
        return (self.name or self.email).split()[0]

    def get_full_name(self) -> str:
        return self.name

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What every session of this person carries: a new stamp or password ends them all (R-426, A16).

        Django asks the public `get_session_auth_hash` and its fallback, both of which end here.
        """
        salt = "people.User.session"
        return salted_hmac(
            salt, f"{self.password}:{self.security_stamp}", secret=secret, algorithm="sha256"
        ).hexdigest()

    @property
    def is_staff(self) -> bool:
        """Django's admin asks for it; the real question is asked by our admin site."""
        return self.is_active


class LoginSession(models.Model):
    """A browser in which a person is signed in, as the list of own sessions shows it (R-426)."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="login_sessions")
    session_key = models.CharField(max_length=40, unique=True)
    device = models.CharField(_("device"), max_length=80, blank=True)
    ip = models.GenericIPAddressField(_("address"), null=True)
    started_at = models.DateTimeField(_("since"), db_default=AppNow())
    seen_at = models.DateTimeField(_("last seen"), db_default=AppNow())

    class Meta:
        verbose_name, verbose_name_plural = _("session"), _("sessions")

    def __str__(self) -> str:
        return self.device


class Invitation(models.Model):
    """A link by mail that makes one account, once, within 72 hours; only the token's hash is kept (R-426, A14)."""

    email = models.EmailField(_("e-mail"))
    name = models.CharField(_("name"), max_length=120)
    memberships = models.JSONField(_("memberships"), default=list)  # [[role, department id or null], ...]
    invited_by = models.ForeignKey(
        User, verbose_name=_("invited by"), on_delete=models.PROTECT, related_name="+"
    )
    token_hash = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField(_("sent"), db_default=AppNow(), editable=False)
    expires_at = models.DateTimeField(_("valid until"))
    accepted_at = models.DateTimeField(_("accepted"), null=True, editable=False)
    user = models.ForeignKey(
        User, verbose_name=_("person"), null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        verbose_name, verbose_name_plural = _("invitation"), _("invitations")
        constraints = [
            models.UniqueConstraint(
                Lower("email"), condition=models.Q(accepted_at=None), name="one_open_invitation_an_address"
            )
        ]

    def __str__(self) -> str:
        return self.email


class PasswordReset(models.Model):
    """A link by mail that sets one new password, once, within the hour.

    A request for an unknown address leaves the same row without a person: its token was never told to anybody.
    """

    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="+")
    token_hash = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField(db_default=AppNow(), editable=False)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("password reset"), _("password resets")

    def __str__(self) -> str:
        return f"{self.user_id} {self.created_at}"


class Organization(models.Model):
    """A company that is our customer."""

    name = models.CharField(_("name"), max_length=200)
    document = models.CharField(_("CNPJ or CPF"), max_length=14, blank=True)
    timezone = models.CharField(_("time zone"), max_length=40, blank=True)
    created_at = models.DateTimeField(db_default=AppNow(), editable=False)

    class Meta:
        verbose_name, verbose_name_plural = _("company"), _("companies")
        constraints = [
            models.UniqueConstraint(
                fields=["document"], condition=~models.Q(document=""), name="organization_document_once"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Contact(models.Model):
    """A person who writes to us. The row is also the one lock of that person's conversations."""

    locked_at: datetime  # set by `contacts.identify`

    name = models.CharField(_("name"), max_length=200, blank=True)
    organization = models.ForeignKey(
        Organization,
        verbose_name=_("company"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="contacts",
    )
    not_a_customer = models.BooleanField(_("not a customer"), default=False)
    language = models.CharField(_("language"), max_length=8, choices=LANGUAGES, default="pt-br")
    created_at = models.DateTimeField(db_default=AppNow(), editable=False)

    class Meta:
        verbose_name, verbose_name_plural = _("contact"), _("contacts")
        indexes = [models.Index(fields=["organization"], name="contact_by_organization")]

    def __str__(self) -> str:
        return self.name or str(_("no name"))

    @property
    def first_name(self) -> str:
        return self.name.split()[0] if self.name.strip() else ""


class ContactAddress(models.Model):
    """One way to reach a contact, in canonical form; the same address never belongs to two contacts."""

    class Kind(models.TextChoices):
        EMAIL = "email", _("E-mail")
        PHONE = "phone", _("Phone")

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="addresses")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    value = models.CharField(max_length=320)
    bounced_at = models.DateTimeField(null=True, blank=True)
    bounce_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "value"], name="contact_address_once")]

    def __str__(self) -> str:
        return self.value


class Backup(DurableRow):
    """One archive the product writes into its data directory, by schedule or because somebody asked (R-429)."""

    day = models.DateField(null=True, editable=False)  # of the schedule; one a day
    asked_by = models.ForeignKey(
        User, verbose_name=_("asked by"), null=True, on_delete=models.PROTECT, related_name="+"
    )
    asked_at = models.DateTimeField(_("asked"), db_default=AppNow(), editable=False)
    file = models.CharField(_("file"), max_length=80, blank=True, editable=False)
    size = models.BigIntegerField(_("size"), default=0, editable=False)
    rows = models.BigIntegerField(_("rows"), default=0, editable=False)
    finished_at = models.DateTimeField(_("finished"), null=True, editable=False)

    class Meta:
        verbose_name, verbose_name_plural = _("backup"), _("backups")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["new", "done", "dead"]), name="backup_state"
            ),
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="new"), name="one_backup_at_a_time"
            ),
            models.UniqueConstraint(fields=["day"], name="one_scheduled_backup_a_day"),
        ]

    def __str__(self) -> str:
        return self.file or f"#{self.pk}"


class BackupAlarm(models.TextChoices):
    """Why administrators must look at the backups."""

    OLD = "old", _("The last good backup is older than two days.")
    DISK = "disk", _("There is no room on the disk for the backup.")


def backs_up_by_itself() -> bool:
    """A new installation writes backups without being told where it brings its own database."""
    return bool(settings.EMBEDDED)


class SiteSettings(models.Model):
    """The company's options, edited on screen. There is one row."""

    name = models.CharField(_("company name"), max_length=120, default="Presteza")
    preset = models.CharField(max_length=40, default="essencial", editable=False)
    timezone = models.CharField(_("time zone"), max_length=40, default="America/Sao_Paulo")
    state = models.CharField(_("state"), max_length=2, blank=True)
    municipal_holidays = models.JSONField(_("municipal holidays"), default=list, blank=True)
    closings = models.JSONField(_("one-off closings"), default=list, blank=True)
    carnaval = models.BooleanField(_("closed on Carnaval"), default=True)
    corpus_christi = models.BooleanField(_("closed on Corpus Christi"), default=True)
    ash_wednesday = models.BooleanField(_("closed on Ash Wednesday"), default=False)
    dpo_contact = models.CharField(_("data protection contact"), max_length=200, blank=True)
    guard_profile = models.CharField(max_length=12, default="leve", editable=False)
    outgoing_paused = models.BooleanField(
        _("nothing leaves"),
        default=False,
        help_text=_("Set after a restore, until somebody says that this copy is the one in use."),
    )
    backup_daily = models.BooleanField(_("write a backup every day"), default=backs_up_by_itself)
    backup_hour = models.PositiveSmallIntegerField(
        _("hour of the day"), default=3, choices=[(hour, f"{hour:02}h") for hour in range(24)]
    )
    backup_keep = models.PositiveSmallIntegerField(
        _("backups to keep"), default=7, validators=[MinValueValidator(1), MaxValueValidator(365)]
    )
    backup_alarm = models.CharField(
        max_length=4, choices=BackupAlarm.choices, blank=True, default="", editable=False
    )

    class Meta:
        verbose_name = verbose_name_plural = _("company options")
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="one_site_settings_row")]

    def __str__(self) -> str:
        return self.name


class AuditEntry(models.Model):
    """Who did what that matters: written once, never changed (a trigger refuses update and delete; R-412)."""

    at = models.DateTimeField(_("when"), db_default=AppNow(), editable=False)
    actor = models.ForeignKey(
        User, verbose_name=_("who"), null=True, on_delete=models.PROTECT, related_name="+"
    )
    kind = models.CharField(_("what"), max_length=60)
    subject = models.CharField(_("about"), max_length=200, blank=True)
    before = models.JSONField(_("before"), null=True)
    after = models.JSONField(_("after"), null=True)
    ip = models.GenericIPAddressField(_("address"), null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("audit entry"), _("audit trail")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"
