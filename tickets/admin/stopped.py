"""Decides what all rows of work share in the set-up room: looked at, acted on by buttons, their bytes downloaded."""

from abc import ABCMeta, abstractmethod
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from helpdesk.csp import FILE_POLICY
from helpdesk.templatetags.design import moment
from tickets.admin.base import ChoiceFilter, ReadOnlyAdmin, badge

STATES = {
    "new": ("neutral", _("waiting")),
    "dead": ("danger", _("stopped")),
    "ignored": ("neutral", _("nothing for the desk")),
    "done": ("ok", _("done")),
    "queued": ("neutral", _("waiting to leave")),
    "sending": ("neutral", _("leaving")),
    "sent": ("ok", _("sent")),
    "failed": ("danger", _("did not leave")),
    "uncertain": ("warn", _("not known whether it arrived")),
    "cancelled": ("neutral", _("withdrawn")),
}


class StateFilter(ChoiceFilter):
    """Rows people must look at first."""

    title = _("state")
    parameter_name = "state"

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(state__in=(self.value() or "").split("-"))


class StoppedAdmin(ReadOnlyAdmin):
    """Rows of work under one look; only the buttons change them."""

    group = "stopped"
    needy: tuple[str, ...] = ("dead",)
    ordering = ("-id",)

    def waiting(self, request: HttpRequest) -> int:
        return self.model.objects.filter(state__in=self.needy).count()

    @admin.display(description=_("state"))
    def shown_state(self, row: Any) -> SafeString:
        tone, label = STATES[row.state]
        return badge(tone, label)

    @admin.display(description=_("channel"))
    def through(self, row: Any) -> str:
        return str(row.channel or "—")

    @admin.display(description=_("reason"))
    def reason(self, row: Any) -> str:
        line = " ".join(row.last_error.split())
        return f"{line[:120]}…" if len(line) > 120 else line or "—"

    @admin.display(description=_("reason"))
    def whole_reason(self, row: Any) -> str:
        return row.last_error or "—"

    @admin.display(description=_("next attempt"))
    def next_attempt(self, row: Any) -> str:
        return moment(row.next_at) if row.state in {"new", "queued"} else "—"

    def tell(self, request: HttpRequest, row: Any, verb: str, done: bool, sentence: Any) -> None:
        """Audit and say what was done; a row somebody else settled meanwhile says so."""
        if done:
            self.audit(request, verb, row)
            messages.success(request, sentence)
        else:
            messages.warning(request, _("Somebody settled this meanwhile; nothing was changed."))


class AbstractPage(forms.MediaDefiningClass, ABCMeta):
    """Admin pages with a hook: one that leaves it out stops the start."""


class RawAdmin(StoppedAdmin, metaclass=AbstractPage):
    """Rows that hold a whole message: its bytes may be downloaded, which is audited."""

    def get_urls(self) -> list[URLPattern]:
        page = path("<int:pk>/raw/", self.admin_site.admin_view(self.raw_view), name=self.url_name("raw"))
        return [page, *super().get_urls()]

    def raw_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.allowed(request):
            raise PermissionDenied(self.right)
        row = get_object_or_404(self.get_queryset(request), pk=pk)
        try:
            content = self.raw_of(row)
        except FileNotFoundError:
            raise Http404("the file is gone")
        self.audit(request, "downloaded", row)
        headers = {
            "Content-Disposition": f'attachment; filename="{self.opts.model_name}-{pk}.eml"',
            "Content-Security-Policy": FILE_POLICY,
        }
        return HttpResponse(content, content_type="application/octet-stream", headers=headers)

    @abstractmethod
    def raw_of(self, row: Any) -> bytes:
        """Return the message as it came or leaves. Raises `FileNotFoundError` when the disk lost it."""

    def buttons(self, request: HttpRequest, obj: Any) -> list[dict[str, Any]]:
        link = {
            "url": self.url_of("raw", obj.pk),
            "label": _("Download the original"),
            "icon": "download",
            "get": True,
        }
        return [link]
