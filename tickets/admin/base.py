"""Decides how every page of the set-up room behaves: opened by a right, audited, no field unnamed (A09, R-412)."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models.lookups import GreaterThan
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from helpdesk.lib.clock import AppNow
from helpdesk.people.audit import record
from tickets.permissions import may

HIDDEN = "•••"


class PlainFields:
    """No pop-up windows for related rows."""

    def formfield_for_dbfield(self, db_field: models.Field, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)  # type: ignore[misc]  # the mixin stands before ModelAdmin
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget
        return field


class RightsAdmin(PlainFields, admin.ModelAdmin):
    """A page of the set-up room: no bulk actions, no scripts, no look-ups but the filters it shows.

    `verbs` are the buttons of a row: verb → label; each is one POST handled by `do_<verb>`.
    """

    right: ClassVar[str] = "settings_write"
    group: ClassVar[str] = "company"
    icon: ClassVar[str] = "sliders-horizontal"
    summary: ClassVar[Any] = ""
    addable: ClassVar[bool] = True
    changeable: ClassVar[bool] = True
    deletable: ClassVar[bool] = False
    secrets: ClassVar[frozenset[str]] = frozenset()
    verbs: ClassVar[tuple[str, ...]] = ()

    actions = None
    list_per_page = 50
    show_full_result_count = False
    view_on_site = False
    save_on_top = False

    # --- who ---------------------------------------------------------------------------------------------

    def allowed(self, request: HttpRequest) -> bool:
        return may(request.user, self.right)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.allowed(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allowed(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.addable and self.allowed(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.changeable and self.allowed(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.deletable and self.allowed(request)

    # --- where -------------------------------------------------------------------------------------------

    @property
    def menu_name(self) -> str:
        name = str(self.opts.verbose_name_plural)
        return name[:1].upper() + name[1:]

    def waiting(self, request: HttpRequest) -> int:
        """How many rows wait for a person; the rail shows it."""
        return 0

    def url_name(self, page: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{page}"

    def url_of(self, page: str, *args: Any) -> str:
        return reverse(f"admin:{self.url_name(page)}", args=args)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        urls = [
            path("", wrap(self.changelist_view), name=self.url_name("changelist")),
            path("<str:object_id>/change/", wrap(self.change_view), name=self.url_name("change")),
        ]
        if self.addable:
            urls.insert(1, path("add/", wrap(self.add_view), name=self.url_name("add")))
        if self.deletable:
            urls.append(path("<str:object_id>/delete/", wrap(self.delete_view), name=self.url_name("delete")))
        for verb in self.verbs:
            urls.append(
                path(f"<int:pk>/{verb}/", wrap(self.act), {"verb": verb}, name=self.url_name(verb)),
            )
        return urls

    def _get_obj_does_not_exist_redirect(
        self, request: HttpRequest, opts: Any, object_id: str
    ) -> HttpResponse:
        raise Http404(object_id)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Only the filters shown: other look-ups would answer questions about fields nobody is shown."""
        return lookup in {getattr(each, "parameter_name", "") for each in self.list_filter}

    # --- what --------------------------------------------------------------------------------------------

    def act(self, request: HttpRequest, pk: int, verb: str) -> HttpResponse:
        """Do one verb to one row, by POST; ends on the row's page unless the verb answers itself."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.allowed(request):
            raise PermissionDenied(self.right)
        row = get_object_or_404(self.get_queryset(request), pk=pk)
        answer = getattr(self, f"do_{verb}")(request, row)
        return answer or redirect(self.url_of("change", row.pk))

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if form.changed_data:
            self.audit(
                request,
                "changed" if change else "added",
                obj,
                before=self._values(form, form.initial) if change else None,
                after=self._values(form, form.cleaned_data),
            )

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.audit(request, "removed", obj)
        super().delete_model(request, obj)

    def audit(self, request: HttpRequest, verb: str, obj: Any, **facts: Any) -> None:
        record(f"{self.opts.model_name}_{verb}", subject=str(obj), request=request, **facts)

    def _values(self, form: forms.ModelForm, source: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: HIDDEN if name in self.secrets else _plain(form.fields[name], source.get(name))
            for name in form.changed_data
        }

    # The trail is ours (`AuditEntry`), not the admin's own log.

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:  # type: ignore[override]  # Django's stubs name another return
        return None

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:  # type: ignore[override]  # Django's stubs name another return
        return None

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:  # type: ignore[override]  # Django's stubs name another return
        return None

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        row = kwargs.get("obj")
        context["buttons"] = self.buttons(request, row) if row else []
        context["heading"] = self.heading(row) if row else context["title"]
        return super().render_change_form(request, context, *args, **kwargs)

    def heading(self, obj: Any) -> str:
        """What stands over a row's page."""
        return str(obj)

    def buttons(self, request: HttpRequest, obj: Any) -> list[dict[str, Any]]:
        """Return the buttons of a row: url, label, icon, css; each is a form of its own."""
        return []

    def button(self, verb: str, obj: Any, label: Any, icon: str, css: str = "") -> dict[str, Any]:
        return {"url": self.url_of(verb, obj.pk), "label": label, "icon": icon, "css": css}


class ReadOnlyAdmin(RightsAdmin):
    """Rows that people look at and act on by buttons, but never edit."""

    addable = changeable = False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields or super().get_readonly_fields(request, obj)


class ChoiceFilter(admin.SimpleListFilter):
    """A filter over a closed list: any other value shows the same rows as none (A20)."""

    default: ClassVar[str | None] = None

    def value(self) -> str | None:
        given = super().value()
        known = {str(key) for key, _label in self.lookup_choices}
        return given if given in known else self.default

    def choices(self, changelist: Any) -> Any:
        if self.default is None:
            yield from super().choices(changelist)
            return
        for key, label in self.lookup_choices:
            query = changelist.get_query_string({self.parameter_name: key})
            yield {"selected": self.value() == str(key), "query_string": query, "display": label}


class LatelyFilter(ChoiceFilter):
    """Rows of the last day, week or month by the column `moment`."""

    parameter_name = "days"
    moment: ClassVar[str]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("1", _("last 24 hours")), ("7", _("7 days")), ("30", _("30 days"))]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet) -> models.QuerySet:
        chosen = self.value()
        if not chosen:
            return queryset
        return queryset.filter(GreaterThan(models.F(self.moment), AppNow() - timedelta(days=int(chosen))))


def badge(tone: str, text: Any) -> SafeString:
    """Return a word with a tone; the word speaks, the colour only helps."""
    return format_html('<span class="badge {}">{}</span>', tone, text)


def _plain(field: forms.Field, value: Any) -> Any:
    """Return a field's value as JSON can hold it; rows by their name."""
    if (
        isinstance(field, forms.ModelChoiceField)
        and value is not None
        and not isinstance(value, models.Model)
    ):
        value = field.queryset.filter(pk=value).first() if field.queryset is not None else value
    return value if value is None or isinstance(value, bool | int | float | str | list | dict) else str(value)
