"""Decides how a replay is watched: which messages are read once more, how far it is, and what came of it (R-147)."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from channels_inbox.models import Replay
from channels_inbox.replay import OUTCOMES, sentence_of
from helpdesk.templatetags.design import moment
from tickets.admin.base import ReadOnlyAdmin, badge

STATES = {
    "new": ("warn", _("under way")),
    "done": ("ok", _("finished")),
    "dead": ("danger", _("stopped")),
}


@admin.register(Replay)
class ReplayAdmin(ReadOnlyAdmin):
    group = "stopped"
    icon = "refresh-cw"
    summary = _("Received messages that were read once more, and what was new in them.")
    change_form_template = "admin/channels_inbox/replay/change_form.html"
    list_display = ("asked", "who", "messages", "result", "shown_state")
    fields = ("asked", "who")
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("asked_by")

    def get_urls(self) -> list[URLPattern]:
        page = path(
            "<int:pk>/progress/",
            self.admin_site.admin_view(self.progress_view),
            name=self.url_name("progress"),
        )
        return [page, *super().get_urls()]

    @admin.display(description=_("asked"))
    def asked(self, replay: Replay) -> str:
        return moment(replay.asked_at)

    @admin.display(description=_("who"))
    def who(self, replay: Replay) -> str:
        return str(replay.asked_by or "—")

    @admin.display(description=_("messages"))
    def messages(self, replay: Replay) -> int:
        return len(replay.wanted)

    @admin.display(description=_("result"))
    def result(self, replay: Replay) -> str:
        return sentence_of(replay.found) if replay.position else "—"

    @admin.display(description=_("state"))
    def shown_state(self, replay: Replay) -> SafeString:
        tone, label = STATES[replay.state]
        return badge(tone, label)

    def heading(self, obj: Replay) -> str:
        return str(_("Read again %(moment)s") % {"moment": moment(obj.asked_at)})

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        context.update(progress_of(kwargs["obj"]))
        return super().render_change_form(request, context, *args, **kwargs)

    def progress_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The fragment that follows a replay; it asks again until all is read."""
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET"])
        if not self.allowed(request):
            raise PermissionDenied(self.right)
        replay = get_object_or_404(self.get_queryset(request), pk=pk)
        return render(request, "admin/channels_inbox/replay/_replay_progress.html", progress_of(replay))


def progress_of(replay: Replay) -> dict[str, Any]:
    """Return what the fragment shows."""
    tone, label = STATES[replay.state]
    counts = [(label, replay.found[key]) for key, label in OUTCOMES.items() if replay.found.get(key)]
    total = len(replay.wanted)
    return {"replay": replay, "tone": tone, "state": label, "total": total, "counts": counts}
