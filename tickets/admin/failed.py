"""Decides what people may do with messages that stopped: look, download, try again, settle by hand."""

from abc import ABCMeta, abstractmethod
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import validate_email
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels_inbox import inbox, outbox
from channels_inbox.models import InboundMessage, OutboundMessage
from channels_inbox.tasks import ring_after_commit
from helpdesk.csp import FILE_POLICY
from helpdesk.lib.clock import AppNow
from helpdesk.templatetags.design import moment
from tickets.admin.base import ChoiceFilter, ReadOnlyAdmin, badge
from tickets.by_hand import make_ticket
from tickets.models import Reaction
from tickets.tasks import react

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


class InboundState(StateFilter):
    default = "dead"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(key, STATES[key][1]) for key in ("dead", "new", "ignored")]


class OutboundState(StateFilter):
    default = "failed-uncertain"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        people = ("failed-uncertain", _("need a person"))
        return [people, *((key, STATES[key][1]) for key in ("failed", "uncertain", "queued"))]


class ReactionState(StateFilter):
    default = "dead"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(key, STATES[key][1]) for key in ("dead", "new")]


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


@admin.register(InboundMessage)
class InboundAdmin(RawAdmin):
    icon = "inbox"
    summary = _("Arrived and kept, but not understood.")
    verbs = ("try_again", "by_hand")
    change_form_template = "admin/channels_inbox/inboundmessage/change_form.html"
    list_display = ("received", "through", "reason", "attempts", "shown_state")
    list_filter = (InboundState,)
    fields = ("received", "through", "shown_state", "whole_reason", "attempts", "next_attempt", "size")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("channel").defer("payload")

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
        return [*super().buttons(request, obj), *again]

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


@admin.register(OutboundMessage)
class OutboundAdmin(RawAdmin):
    icon = "send"
    summary = _("Written, but it did not leave, or nobody knows whether it arrived.")
    needy = ("failed", "uncertain")
    verbs = ("arrived", "send_again")
    list_display = ("written", "recipient", "subject", "reason", "shown_state")
    list_filter = (OutboundState,)
    search_fields = ("recipient",)
    fields = (
        "written", "recipient", "subject", "through", "shown_state", "whole_reason", "attempts", "next_attempt",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("channel").defer("payload")

    @admin.display(description=_("written"))
    def written(self, row: OutboundMessage) -> str:
        return moment(row.created_at)

    def heading(self, obj: OutboundMessage) -> str:
        return gettext("Message to %(recipient)s") % {"recipient": obj.recipient}

    def raw_of(self, row: OutboundMessage) -> bytes:
        return bytes(row.payload)

    def buttons(self, request: HttpRequest, obj: OutboundMessage) -> list[dict[str, Any]]:
        shown = super().buttons(request, obj)
        if obj.state == OutboundMessage.UNCERTAIN:
            shown.append(self.button("arrived", obj, _("It arrived"), "check"))
        if obj.state in {OutboundMessage.UNCERTAIN, OutboundMessage.DEAD}:
            shown.append(self.button("send_again", obj, _("Send again"), "send", "primary"))
        return shown

    def do_arrived(self, request: HttpRequest, row: OutboundMessage) -> None:
        done = outbox.resolve_uncertain(row, arrived=True)
        self.tell(request, row, "arrived", done, _("Marked as arrived."))

    def do_send_again(self, request: HttpRequest, row: OutboundMessage) -> None:
        """The same bytes with the same Message-ID; an uncertain row may so arrive twice, which the person decides."""
        uncertain = row.state == OutboundMessage.UNCERTAIN
        done = outbox.resolve_uncertain(row, arrived=False) if uncertain else outbox.send_again(row)
        self.tell(request, row, "sent_again", done, _("The message leaves again."))


@admin.register(Reaction)
class ReactionAdmin(StoppedAdmin):
    icon = "sparkles"
    summary = _("What should have followed from an event, and did not.")
    verbs = ("try_again",)
    list_display = ("event_at", "ticket", "consumer", "reason", "shown_state")
    list_filter = (ReactionState,)
    fields = ("event_at", "ticket", "consumer", "shown_state", "whole_reason", "attempts", "next_attempt")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("event__ticket")

    @admin.display(description=_("when"))
    def event_at(self, row: Reaction) -> str:
        return moment(row.event.at)

    @admin.display(description=_("ticket"))
    def ticket(self, row: Reaction) -> str:
        return row.event.ticket.protocol

    def buttons(self, request: HttpRequest, obj: Reaction) -> list[dict[str, Any]]:
        return (
            [self.button("try_again", obj, _("Try again"), "rotate-ccw", "primary")]
            if obj.state == "dead"
            else []
        )

    def do_try_again(self, request: HttpRequest, row: Reaction) -> None:
        dead = Reaction.objects.filter(pk=row.pk, state=Reaction.DEAD)
        done = dead.update(state="new", attempts=0, next_at=AppNow(), lease_token=None) == 1
        if done:
            ring_after_commit(react)
        self.tell(request, row, "tried_again", done, _("It is being done again."))
