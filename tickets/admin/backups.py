"""Decides how the backups are watched, asked for, set up and taken home: by administrators, audited (R-429)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async
from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.handlers.asgi import ASGIRequest
from django.db.models import QuerySet
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404, redirect, render
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels_inbox.tasks import ring_after_commit
from helpdesk.backup.scheduled import ask_now, file_of, last_good
from helpdesk.backup.tasks import write_backup
from helpdesk.csp import FILE_POLICY
from helpdesk.people.models import Backup, SiteSettings
from helpdesk.people.site import site_settings
from helpdesk.templatetags.design import moment
from tickets.admin.base import ReadOnlyAdmin, badge

CHUNK = 1024 * 1024


class BackupSettingsForm(forms.ModelForm):
    class Meta:
        model = SiteSettings
        fields = ("backup_daily", "backup_hour", "backup_keep")


@admin.register(Backup)
class BackupAdmin(ReadOnlyAdmin):
    group = "company"
    icon = "package"
    summary = _("Everything but the encryption keys, in one file a day.")
    change_list_template = "admin/people/backup/change_list.html"
    list_display = ("asked", "shown_state", "shown_size", "why")
    fields = ("asked", "why", "shown_state", "finished", "shown_size", "rows", "file", "reason")
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("asked_by")

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        pages = [
            path("now/", wrap(self.now_view), name=self.url_name("now")),
            path("settings/", wrap(self.settings_view), name=self.url_name("settings")),
            path("state/", wrap(self.state_view), name=self.url_name("state")),
            path("<int:pk>/download/", wrap(self.download_view), name=self.url_name("download")),
        ]
        return [*pages, *super().get_urls()]

    # --- the list ----------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return super().changelist_view(request, {**(extra_context or {}), **state_of()})

    @admin.display(description=_("asked"))
    def asked(self, backup: Backup) -> str:
        return moment(backup.asked_at)

    @admin.display(description=_("finished"))
    def finished(self, backup: Backup) -> str:
        return moment(backup.finished_at) or "—"

    @admin.display(description=_("by"))
    def why(self, backup: Backup) -> str:
        return str(backup.asked_by or gettext("schedule"))

    @admin.display(description=_("size"))
    def shown_size(self, backup: Backup) -> str:
        return filesizeformat(backup.size) if backup.size else "—"

    @admin.display(description=_("reason"))
    def reason(self, backup: Backup) -> str:
        return backup.last_error or "—"

    @admin.display(description=_("state"))
    def shown_state(self, backup: Backup) -> SafeString:
        if backup.state == Backup.WAITING:
            return badge("warn", gettext("being written"))
        if backup.state == Backup.DEAD:
            return badge("danger", gettext("failed"))
        return badge("ok", gettext("good")) if file_of(backup) else badge("neutral", gettext("file is gone"))

    def heading(self, obj: Backup) -> str:
        return gettext("Backup of %(moment)s") % {"moment": moment(obj.asked_at)}

    def buttons(self, request: HttpRequest, obj: Backup) -> list[dict[str, Any]]:
        if not file_of(obj):
            return []
        url = self.url_of("download", obj.pk)
        return [{"url": url, "label": _("Download"), "icon": "download", "css": "primary", "get": True}]

    # --- the pages ---------------------------------------------------------------------------------------

    def state_view(self, request: HttpRequest) -> HttpResponse:
        """The fragment that follows a backup; once it is over the whole page comes anew."""
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET"])
        self._guard(request)
        state = state_of()
        response = render(request, "admin/people/backup/_backup_state.html", state)
        if state["writing"] is None:
            response["HX-Refresh"] = "true"
        return response

    def now_view(self, request: HttpRequest) -> HttpResponse:
        """«Fazer backup agora»: a worker has it written; nothing of it happens in the request."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        self._guard(request)
        if ask_now(request.user):  # type: ignore[arg-type]  # admin_view lets in the team only
            self.audit(request, "asked", "")
            ring_after_commit(write_backup)
        else:
            messages.warning(request, _("A backup is being written already."))
        return redirect(self.url_of("changelist"))

    def settings_view(self, request: HttpRequest) -> HttpResponse:
        """On or off, at which hour, how many to keep."""
        self._guard(request)
        form = BackupSettingsForm(request.POST or None, instance=site_settings())
        if request.method == "POST" and form.is_valid():
            before = {name: form.initial[name] for name in form.changed_data}
            form.save()
            if before:
                after = {name: form.cleaned_data[name] for name in before}
                self.audit(request, "settings", "", before=before, after=after)
            messages.success(request, _("Saved."))
            return redirect(self.url_of("changelist"))
        context = {**self.admin_site.each_context(request), "title": _("Backup settings"), "form": form}
        return render(request, "admin/people/backup/settings.html", context)

    def download_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """The archive itself. Encryption keys are never in it."""
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET"])
        self._guard(request)
        backup = get_object_or_404(self.get_queryset(request), pk=pk)
        file = file_of(backup)
        if file is None:
            raise Http404("the file is gone")
        self.audit(request, "downloaded", backup)
        return sent_file(request, file)

    def _guard(self, request: HttpRequest) -> None:
        if not self.allowed(request):
            raise PermissionDenied(self.right)


def state_of() -> dict[str, Any]:
    """Return what the card over the list shows: the schedule, the last good backup, the one being written."""
    writing = Backup.objects.filter(state=Backup.WAITING).first()
    return {"site": site_settings(), "good": last_good(), "writing": writing}


def sent_file(request: HttpRequest, file: Path) -> HttpResponseBase:
    """Send a file of any size in pieces, as a download that runs nothing (A05)."""
    headers = {
        "Content-Disposition": f'attachment; filename="{file.name}"',
        "Content-Length": str(file.stat().st_size),
        "Content-Security-Policy": FILE_POLICY,
    }
    if isinstance(request, ASGIRequest):  # a plain iterator would be read into memory whole
        return StreamingHttpResponse(_pieces(file), content_type="application/x-tar", headers=headers)
    return FileResponse(
        file.open("rb"),
        as_attachment=True,
        filename=file.name,
        content_type="application/x-tar",
        headers=headers,
    )


async def _pieces(file: Path) -> AsyncIterator[bytes]:
    handle = await sync_to_async(lambda: file.open("rb"))()
    try:
        while piece := await sync_to_async(handle.read)(CHUNK):
            yield piece
    finally:
        handle.close()
