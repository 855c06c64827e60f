"""Decides what people may do with what arrived: find it, download it, read it once more, settle it by hand (R-147)."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import validate_email
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels_inbox import inbox, replay
from channels_inbox.models import Channel, InboundMessage
from helpdesk.templatetags.design import moment
from tickets.admin.base import ChoiceFilter, LatelyFilter
from tickets.admin.stopped import STATES, RawAdmin, StateFilter
from tickets.by_hand import make_ticket


class InboundState(StateFilter):
    default = "dead"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        named = {key: STATES[key][1] for key in ("dead", "new", "ignored", "done")}
        kept = {"dead": named.pop("dead"), "quarantined": _("in quarantine")}
        return list({**kept, **named, "all": _("all")}.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        state = self.value() or ""
        return queryset if state == "all" else replay.choose(queryset, state)


class ChannelFilter(ChoiceFilter):
    title = _("channel")
    parameter_name = "channel"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(pk), name) for pk, name in Channel.objects.order_by("name").values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(channel=self.value()) if self.value() else queryset


class ReceivedFilter(LatelyFilter):
    title = _("received")
    moment = "received_at"


class ReplayForm(forms.Form):
    """Which rows of the list: those ticked, or all that its filters let through."""

    rows = forms.ModelMultipleChoiceField(queryset=InboundMessage.objects.none(), required=False)
    everything = forms.BooleanField(required=False)

    def __init__(self, listed: QuerySet[InboundMessage], data: Any) -> None:
        super().__init__(data)
        self.listed = listed
        self.fields["rows"].queryset = listed  # type: ignore[attr-defined]  # a model choice

    def chosen(self) -> QuerySet[InboundMessage]:
        return self.listed if self.cleaned_data["everything"] else self.cleaned_data["rows"]


@admin.register(InboundMessage)
class InboundAdmin(RawAdmin):
    icon = "inbox"
    summary = _("Everything that arrived, as it came. What was not understood stands first.")
    verbs = ("try_again", "by_hand", "read_again")
    change_form_template = "admin/channels_inbox/inboundmessage/change_form.html"
    list_display = ("pick", "received", "through", "reason", "attempts", "shown_state")
    list_display_links = ("received",)
    list_filter = (InboundState, ChannelFilter, ReceivedFilter)
    fields = ("received", "through", "shown_state", "whole_reason", "attempts", "next_attempt", "size")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("channel").defer("payload")

    def get_urls(self) -> list[URLPattern]:
        page = path("replay/", self.admin_site.admin_view(self.replay_view), name=self.url_name("replay"))
        return [page, *super().get_urls()]

    @admin.display(description=_("choose"))
    def pick(self, row: InboundMessage) -> SafeString:
        label = gettext("Choose the message received %(moment)s") % {"moment": moment(row.received_at)}
        box = '<input type="checkbox" name="rows" value="{}" form="replay" aria-label="{}">'
        return format_html(box, row.pk, label)

    @admin.display(description=_("received"))
    def received(self, row: InboundMessage) -> str:
        return moment(row.received_at)

    def heading(self, obj: InboundMessage) -> str:
        return gettext("Message received %(moment)s") % {"moment": moment(obj.received_at)}

    def raw_of(self, row: InboundMessage) -> bytes:
        return inbox.payload_of(row)

    def buttons(self, request: HttpRequest, obj: InboundMessage) -> list[dict[str, Any]]:
        again = (
            [self.button("try_again", obj, _("Try again"), "rotate-ccw", "primary")]
            if obj.state == "dead"
            else []
        )
        if obj.state == "done":
            again = [self.button("read_again", obj, _("Read again"), "refresh-cw", "primary")]
        return [*super().buttons(request, obj), *again]

    def replay_view(self, request: HttpRequest) -> HttpResponse:
        """Read the chosen rows of the list once more; the address carries the list's filters (R-147)."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.allowed(request):
            raise PermissionDenied(self.right)
        listed = self.get_changelist_instance(request).get_queryset(request)
        form = ReplayForm(listed, request.POST)
        if not form.is_valid() or not form.chosen().exists():
            messages.error(request, _("Choose the messages to read again."))
            back = reverse("admin:channels_inbox_inboundmessage_changelist")
            return redirect(f"{back}?{request.GET.urlencode()}")
        return self._replay(request, form.chosen())

    def do_read_again(self, request: HttpRequest, row: InboundMessage) -> HttpResponse:
        return self._replay(request, InboundMessage.objects.filter(pk=row.pk))

    def _replay(self, request: HttpRequest, rows: QuerySet[InboundMessage]) -> HttpResponse:
        try:
            asked = replay.ask(rows, actor=request.user)  # type: ignore[arg-type]  # admin_view lets in the team only
        except replay.TooMany as error:
            messages.error(request, str(error))
            return redirect(self.url_of("changelist"))
        return redirect(reverse("admin:channels_inbox_replay_change", args=[asked.pk]))

    def do_try_again(self, request: HttpRequest, row: InboundMessage) -> None:
        self.tell(request, row, "tried_again", inbox.try_again(row), _("The message is being read again."))

    def do_by_hand(self, request: HttpRequest, row: InboundMessage) -> HttpResponse | None:
        """Make a ticket of what could not be read; the original is its file."""
        address = request.POST.get("address", "").strip()
        try:
            if address:
                validate_email(address)
        except ValidationError as error:
            messages.error(request, error.messages[0])
            return None
        ticket = make_ticket(row, actor=request.user, address=address)  # type: ignore[arg-type]  # admin_view lets in the team only
        sentence = _("The message is a ticket now, with the original attached.")
        self.tell(request, row, "by_hand", ticket is not None, sentence)
        return redirect(reverse("tickets:ticket", args=[ticket.pk])) if ticket else None
