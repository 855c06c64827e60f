"""Decides how the product's own sentences are edited: known keys, checked variables, a preview (R-131)."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import translation
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from helpdesk.people.models import LANGUAGES
from tickets.admin.base import ChoiceFilter, RightsAdmin
from tickets.models import SystemText
from tickets.models.text import validate_template
from tickets.presets import TEXTS_IN_USE
from tickets.system_texts import fill

NAMES = {
    "auto_padrao": _("Confirmation, inside opening hours"),
    "auto_fora_horario": _("Confirmation, outside opening hours"),
    "auto_parada": _("Confirmation, operation stopped"),
    "cabecalho_email": _("Top of every mail"),
    "rodape_email": _("Foot of every mail"),
    "emails_pararam": _("Alarm: mail stopped arriving"),
}
KEYS = [(key, NAMES.get(key, key)) for key in TEXTS_IN_USE]


def sample_values() -> dict[str, str]:
    """Return what the preview fills in, for every variable that is filled in real mails."""
    opening = gettext("tomorrow at %(hour)s") % {"hour": "8h"}
    target = ngettext("within %(n)s minute", "within %(n)s minutes", 30) % {"n": 30}
    return {
        "contact.first_name": "Marina",
        "contact.name": "Marina Prado",
        "ticket.protocol": "26-4821",
        "ticket.subject": gettext("Invoice was refused"),
        "ticket.status": gettext("In progress"),
        "ticket.tracking_url": "https://…/t/…",
        "ticket.agent_url": "https://…/t/4821/",
        "agent.name": "Lívia Sampaio",
        "agent.first_name": "Lívia",
        "department.name": gettext("Support"),
        "department.next_opening": opening,
        "department.target_text": target,
        "channel.name": gettext("Support · e-mail"),
        "channel.target_text": target,
        "channel.next_opening": opening,
        "channel.last_inbound": "12/11, 9h41",
        "installation.name": "Presteza",
        "installation.dpo_contact": "dados@empresa.example",
    }


class TextForm(forms.ModelForm):
    key = forms.ChoiceField(label=_("where it is used"), choices=KEYS)

    class Meta:
        model = SystemText
        fields = ("key", "language", "department", "text")


class LanguageFilter(ChoiceFilter):
    title = _("language")
    parameter_name = "language"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return LANGUAGES

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(language=self.value()) if self.value() else queryset


@admin.register(SystemText)
class TextAdmin(RightsAdmin):
    group = "channels"
    icon = "file-text"
    summary = _("What the product itself writes to customers, per language and department.")
    deletable = True
    change_form_template = "admin/tickets/systemtext/change_form.html"
    list_display = ("used_for", "language", "place", "start")
    list_filter = (LanguageFilter,)
    search_fields = ("text",)
    ordering = ("key", "language", "department_id")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("department")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The key is chosen once; a declared field would stay in the form although it is read-only."""
        form = forms.ModelForm if obj else TextForm
        return super().get_form(request, obj, change, **{**kwargs, "form": form})

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("used_for", "language", "place") if obj else ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("used_for", "language", "place", "text") if obj else ("key", "language", "department", "text")

    def heading(self, obj: SystemText) -> str:
        return self.used_for(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A department's own text may go; the installation's may only be emptied."""
        return super().has_delete_permission(request, obj) and (obj is None or obj.department_id is not None)

    @admin.display(description=_("where it is used"))
    def used_for(self, text: SystemText) -> str:
        return str(NAMES.get(text.key, text.key))

    @admin.display(description=_("department"))
    def place(self, text: SystemText) -> str:
        return text.department.label if text.department else gettext("all departments")

    @admin.display(description=_("text"))
    def start(self, text: SystemText) -> str:
        line = " ".join(text.text.split())
        return f"{line[:90]}…" if len(line) > 90 else line or "—"

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["empty_label"] = _("all departments")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        page = path("preview/", self.admin_site.admin_view(self.preview_view), name=self.url_name("preview"))
        return [page, *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        text = kwargs.get("obj")
        context["variables"] = sample_values()
        context["preview"] = _preview(text.text, text.language) if text else ""
        return super().render_change_form(request, context, *args, **kwargs)

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """Show the typed text as a customer would read it, or what is wrong with it."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.allowed(request):
            raise PermissionDenied(self.right)
        text, error = request.POST.get("text", ""), ""
        try:
            validate_template(text)
        except ValidationError as refused:
            error = refused.messages[0]
        shown = "" if error else _preview(text, request.POST.get("language", ""))
        return render(
            request, "admin/tickets/systemtext/_text_preview.html", {"preview": shown, "error": error}
        )


def _preview(text: str, language: str) -> str:
    known = language if language in dict(LANGUAGES) else translation.get_language()
    with translation.override(known):
        return fill(text, sample_values())
