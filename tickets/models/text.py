"""Decides where the product's own sentences to customers live: rows in two languages, edited on screen (R-131)."""

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from helpdesk.people.models import LANGUAGES
from tickets.models.department import Department


def validate_template(text: str) -> None:
    """Refuse a text with an unknown variable or block (R-131)."""
    from tickets.placeholders import TemplateError, check

    try:
        check(text)
    except TemplateError as error:
        raise ValidationError(str(error)) from error


class SystemText(models.Model):
    """What the product itself sends: acknowledgement, header, footer, warnings."""

    key = models.SlugField(_("key"), max_length=60)
    language = models.CharField(_("language"), max_length=8, choices=LANGUAGES, default="pt-br")
    department = models.ForeignKey(
        Department,
        verbose_name=_("department"),
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
    )
    text = models.TextField(_("text"), blank=True, validators=[validate_template])

    class Meta:
        verbose_name, verbose_name_plural = _("system text"), _("system texts")
        ordering = ["key", "language"]
        constraints = [
            models.UniqueConstraint(
                fields=["key", "language", "department"], name="system_text_once", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.key} ({self.language})"
