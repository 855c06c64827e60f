"""Decides what people may do with what did not leave or did not follow: look, download, send or try again."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels_inbox import outbox
from channels_inbox.models import OutboundMessage
from channels_inbox.tasks import ring_after_commit
from helpdesk.lib.clock import AppNow
from helpdesk.templatetags.design import moment
from tickets.admin.stopped import STATES, RawAdmin, StateFilter, StoppedAdmin
from tickets.models import Reaction
from tickets.tasks import react


class OutboundState(StateFilter):
    default = "failed-uncertain"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        people = ("failed-uncertain", _("need a person"))
        return [people, *((key, STATES[key][1]) for key in ("failed", "uncertain", "queued"))]


class ReactionState(StateFilter):
    default = "dead"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(key, STATES[key][1]) for key in ("dead", "new")]


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
