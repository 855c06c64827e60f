"""Decides who belongs where: departments, memberships with roles, and what the desk wants of a channel."""

from typing import Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from channels_inbox.models import Channel
from helpdesk.lib.business_hours import HoursError, parse_hours
from helpdesk.people.models import User


def validate_hours(text: str) -> None:
    """Refuse opening hours nobody can read, with the sentence that says why (R-403)."""
    try:
        parse_hours(text)
    except HoursError as error:
        raise ValidationError(gettext(error.message) % error.params) from error


class Role(models.TextChoices):
    """Roles of R-401 that people of the team may hold; customers have none of these rows."""

    ADMIN = "admin", _("Administrator")
    LEADER = "leader", _("Leader")
    AGENT = "agent", _("Agent")
    FINANCE = "finance", _("Finance")
    FIELD = "field", _("Field")
    COMMERCIAL = "commercial", _("Sales")
    ONBOARDING = "onboarding", _("Onboarding")
    DEVELOPER = "developer", _("Developer")
    PRODUCT = "product", _("Product")
    MARKETING = "marketing", _("Marketing")
    DPO = "dpo", _("Data protection officer")


WITHOUT_DEPARTMENT = {Role.ADMIN, Role.DPO, Role.MARKETING}


class DepartmentQuerySet(models.QuerySet):
    def visible_to(self, user: User) -> Self:
        """Departments whose queue the user may open."""
        from tickets.permissions import departments_with

        return departments_with(self, user, "ticket_read")


class Department(models.Model):
    """A queue of its own with opening hours of its own (on screen: setor)."""

    key = models.SlugField(_("key"), unique=True)
    name = models.CharField(_("name"), max_length=80)
    name_en = models.CharField(_("name in English"), max_length=80, blank=True)
    hours = models.CharField(
        _("opening hours"),
        max_length=300,
        default="seg-sex 08:00-12:00,13:00-18:00",
        validators=[validate_hours],
        help_text=_("For example: seg-sex 08:00-12:00,13:00-18:00; sab 09:00-13:00"),
    )
    timezone = models.CharField(_("time zone"), max_length=40, blank=True)
    handles = models.CharField(_("takes care of"), max_length=200, blank=True)
    is_default = models.BooleanField(_("receives what fits nowhere else"), default=False)
    active = models.BooleanField(_("in use"), default=True)

    objects = DepartmentQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("department"), _("departments")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=models.Q(is_default=True), name="one_default_department"
            )
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """The name in the reader's language; a missing English name shows the Portuguese one."""
        return self.name_en if self.name_en and (get_language() or "").startswith("en") else self.name


class Membership(models.Model):
    """A role a person holds in a department; admin, dpo and marketing may stand without one (R-401)."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("person"),
        on_delete=models.CASCADE,
        related_name="memberships",
    )
    department = models.ForeignKey(
        Department,
        verbose_name=_("department"),
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="memberships",
    )
    role = models.CharField(_("role"), max_length=12, choices=Role.choices)

    class Meta:
        verbose_name, verbose_name_plural = _("membership"), _("memberships")
        constraints = [
            models.UniqueConstraint(
                fields=["user", "department", "role"], name="membership_once", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=models.Q(department__isnull=False) | models.Q(role__in=sorted(WITHOUT_DEPARTMENT)),
                name="membership_needs_department",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()} · {self.department or _('all departments')}"

    def clean(self) -> None:
        if self.department_id is None and self.role and self.role not in WITHOUT_DEPARTMENT:
            raise ValidationError({"department": _("This role needs a department.")})


class ChannelPolicy(models.Model):
    """What the desk wants of a channel (R-101): where its messages go, when it is open, what is promised."""

    channel = models.OneToOneField(Channel, on_delete=models.CASCADE, related_name="+")
    department = models.ForeignKey(
        Department, verbose_name=_("department"), on_delete=models.PROTECT, related_name="channel_policies"
    )
    hours = models.CharField(_("opening hours"), max_length=300, validators=[validate_hours])
    first_reply = models.JSONField(_("first reply"), default=dict, blank=True)
    purpose = models.CharField(_("purpose"), max_length=200, blank=True)
    acknowledge = models.BooleanField(_("confirm receipt automatically"), default=True)

    class Meta:
        verbose_name, verbose_name_plural = _("channel policy"), _("channel policies")

    def __str__(self) -> str:
        return str(self.channel)
