"""Decides how the company's options and its departments are edited (R-101, R-403, R-404, R-429)."""

from datetime import date, timedelta
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels_inbox import outbox
from channels_inbox.models import Channel, OutboundMessage
from helpdesk.lib.clock import app_now
from helpdesk.lib.holidays_brazil import STATES
from helpdesk.people.models import SiteSettings
from helpdesk.people.site import site_settings
from tickets.admin.base import RightsAdmin, badge
from tickets.calendars import holidays_of
from tickets.models import ChannelPolicy, Department, Membership, Ticket

BRAZIL = {
    "America/Sao_Paulo": "São Paulo, Brasília", "America/Manaus": "Manaus", "America/Cuiaba": "Cuiabá",
    "America/Campo_Grande": "Campo Grande", "America/Fortaleza": "Fortaleza", "America/Recife": "Recife",
    "America/Bahia": "Salvador", "America/Belem": "Belém", "America/Maceio": "Maceió",
    "America/Araguaina": "Araguaína", "America/Santarem": "Santarém", "America/Porto_Velho": "Porto Velho",
    "America/Boa_Vista": "Boa Vista", "America/Rio_Branco": "Rio Branco", "America/Eirunepe": "Eirunepé",
    "America/Noronha": "Fernando de Noronha",
}  # fmt: skip
MOST_DATES = 200


def zone_choices(*, empty: Any = None) -> list[Any]:
    """Return the time zones, those of Brazil first."""
    others = [
        (zone, zone.replace("_", " ")) for zone in sorted(available_timezones() - set(BRAZIL)) if "/" in zone
    ]
    head = [("", empty)] if empty is not None else []
    return [*head, (_("Brazil"), list(BRAZIL.items())), (_("Other places"), others)]


class DatesField(forms.CharField):
    """Dates, one a line, as `25/12/2026`; with `yearly` also `25/12` for every year. Stored as ISO texts."""

    widget = forms.Textarea

    def __init__(self, *, yearly: bool = False, **kwargs: Any) -> None:
        self.yearly = yearly
        super().__init__(required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(_shown(each) for each in value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]  # lines become a list
        lines = [line.strip() for line in str(value or "").splitlines() if line.strip()]
        if len(lines) > MOST_DATES:
            raise ValidationError(_("At most %(n)s dates.") % {"n": MOST_DATES})
        return sorted({self._read(line) for line in lines})

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return list(initial or []) != self.to_python(data)
        except ValidationError:
            return True

    def _read(self, line: str) -> str:
        parts = line.split("/")
        try:
            if self.yearly and len(parts) == 2:
                return f"{date(2024, int(parts[1]), int(parts[0])):%m-%d}"  # 2024 has a 29 February
            day, month, year = (int(part) for part in parts)
            return date(year, month, day).isoformat() if year > 1900 else _refuse(line)
        except (ValueError, OverflowError):
            return _refuse(line)


def _refuse(line: str) -> str:
    raise ValidationError(_("“%(line)s” is no date. Write it as 25/12/2026.") % {"line": line[:40]})


def _shown(stored: str) -> str:
    return "/".join(reversed(stored.split("-")))


class CompanyForm(forms.ModelForm):
    timezone = forms.ChoiceField(label=_("time zone"), choices=zone_choices)
    state = forms.ChoiceField(
        label=_("state"),
        required=False,
        choices=[("", _("no state holidays")), *((key, key) for key in sorted(STATES))],
        help_text=_("Its holidays count for every department."),
    )
    municipal_holidays = DatesField(
        yearly=True,
        label=_("municipal holidays"),
        help_text=_("One date a line: 25/01 for every year, 25/01/2027 for one year."),
    )
    closings = DatesField(
        label=_("one-off closings"), help_text=_("Days without work, one a line, for example 02/01/2027.")
    )

    class Meta:
        model = SiteSettings
        fields = (
            "name", "timezone", "dpo_contact", "state", "carnaval", "corpus_christi", "ash_wednesday",
            "municipal_holidays", "closings",
        )  # fmt: skip


@admin.register(SiteSettings)
class CompanyAdmin(RightsAdmin):
    """One row: its list is its page."""

    form = CompanyForm
    icon = "building-2"
    summary = _("Name, time zone, holidays and data protection.")
    addable = False
    verbs = ("in_use",)
    readonly_fields = ("next_holidays",)
    fieldsets = (
        (None, {"fields": ("name", "timezone", "dpo_contact")}),
        (
            _("Holidays"),
            {
                "fields": (
                    "state",
                    "carnaval",
                    "corpus_christi",
                    "ash_wednesday",
                    "municipal_holidays",
                    "closings",
                )
            },
        ),
        (_("The next twelve months"), {"fields": ("next_holidays",)}),
    )

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return redirect(self.url_of("change", site_settings().pk))

    @admin.display(description=_("days"))
    def next_holidays(self, site: SiteSettings) -> SafeString:
        """What the stored options make of the next twelve months."""
        now = app_now()
        today = timezone.localdate(now)
        calendar = holidays_of(site, near=now)
        days = {**calendar.days, **dict.fromkeys(calendar.closings, gettext("Closed"))}
        coming = sorted(day for day in days if today <= day < today + timedelta(days=365))
        rows = ((date_format(day, "D, d/m/Y"), days[day]) for day in coming)
        return format_html(
            '<ul class="days-list">{}</ul>',
            format_html_join("", "<li><span class='num'>{}</span> {}</li>", rows),
        )

    def do_in_use(self, request: HttpRequest, site: SiteSettings) -> HttpResponse | None:
        """«Esta é a instalação em uso»: what stood still after a restore leaves from now on (R-429)."""
        with transaction.atomic():
            if SiteSettings.objects.filter(pk=site.pk, outgoing_paused=True).update(outgoing_paused=False):
                self.audit(request, "in_use", site)
                waiting = OutboundMessage.objects.filter(state="queued", channel__isnull=False).values(
                    "channel"
                )
                for channel in Channel.objects.filter(pk__in=waiting):
                    outbox.bring_forward(channel)
                transaction.on_commit(outbox.ring)
        messages.success(request, _("This installation is the one in use: messages leave again."))
        return redirect("admin:index")


class DepartmentForm(forms.ModelForm):
    timezone = forms.ChoiceField(
        label=_("time zone"),
        required=False,
        choices=lambda: zone_choices(empty=_("the company's")),
    )

    class Meta:
        model = Department
        fields = ("name", "name_en", "key", "hours", "timezone", "handles", "is_default", "active")

    def clean(self) -> dict[str, Any]:
        """The desk always has one default department, and it is in use (R-001: nobody is refused)."""
        data = super().clean() or {}
        was_default = Department.objects.filter(pk=self.instance.pk, is_default=True).exists()
        if was_default and not data.get("is_default"):
            self.add_error(
                "is_default", _("Mark another department instead: one must receive what fits nowhere.")
            )
        if data.get("is_default") and not data.get("active"):
            self.add_error("active", _("The department that receives everything else must be in use."))
        return data

    def _get_validation_exclusions(self) -> set[str]:
        """One default holds after the save: the earlier one gives way in the same transaction."""
        return super()._get_validation_exclusions() | {"is_default"}  # type: ignore[misc]  # a private hook of ModelForm


@admin.register(Department)
class DepartmentAdmin(RightsAdmin):
    form = DepartmentForm
    icon = "layers"
    summary = _("Queues, opening hours, who receives what fits nowhere else.")
    deletable = True
    list_display = ("name", "hours", "handles", "state")
    list_display_links = ("name",)
    search_fields = ("name", "name_en", "key")
    fieldsets = (
        (None, {"fields": ("name", "name_en", "key", "handles")}),
        (_("Opening hours"), {"fields": ("hours", "timezone")}),
        (_("Use"), {"fields": ("is_default", "active")}),
    )

    @admin.display(description=_("state"))
    def state(self, department: Department) -> SafeString:
        if not department.active:
            return badge("neutral", gettext("switched off"))
        return (
            badge("accent", gettext("default")) if department.is_default else badge("ok", gettext("in use"))
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("key",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A department that tickets, people or channels point at is switched off instead."""
        return super().has_delete_permission(request, obj) and (obj is None or not _in_use(obj))

    def save_model(self, request: HttpRequest, obj: Department, form: forms.ModelForm, change: bool) -> None:
        if obj.is_default:
            Department.objects.filter(is_default=True).exclude(pk=obj.pk).update(is_default=False)
        super().save_model(request, obj, form, change)


def _in_use(department: Department) -> bool:
    pointing: tuple[QuerySet, ...] = (
        Ticket.objects.filter(department=department),
        ChannelPolicy.objects.filter(department=department),
        Membership.objects.filter(department=department),
    )
    return department.is_default or any(rows.exists() for rows in pointing)
