"""Decides how the audit trail is read: by those with `audit_read`, never changed (R-412)."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from helpdesk.people.models import AuditEntry, User
from helpdesk.templatetags.design import moment
from tickets.admin.base import ChoiceFilter, LatelyFilter, ReadOnlyAdmin

MOST_PEOPLE = 100
KINDS = {
    "login": _("signed in"),
    "logout": _("signed out"),
    "login_failed": _("login failed"),
    "login_paused": _("login paused after failures"),
    "session_ended": _("own session ended"),
    "password_changed": _("password changed"),
    "password_made": _("password made by command"),
    "password_reset": _("password reset"),
    "reset_requested": _("password reset asked for"),
    "second_factor_on": _("second factor turned on"),
    "second_factor_off": _("second factor turned off"),
    "second_factor_taken_off": _("second factor taken off by an administrator"),
    "second_factor_failed": _("code of the second factor failed"),
    "second_factor_paused": _("second factor paused after failures"),
    "recovery_code_used": _("recovery code used"),
    "recovery_codes_made": _("recovery codes made"),
    "memberships_changed": _("roles changed"),
    "switched_off": _("person switched off"),
    "switched_on": _("person switched on"),
    "invited": _("person invited"),
    "invited_again": _("invitation sent again"),
    "invitation_withdrawn": _("invitation withdrawn"),
    "invitation_accepted": _("invitation accepted"),
    "user_changed": _("person changed"),
    "sitesettings_changed": _("company options changed"),
    "sitesettings_in_use": _("copy declared the one in use"),
    "backup_asked": _("backup asked for"),
    "backup_downloaded": _("backup downloaded"),
    "backup_settings": _("backup settings changed"),
    "department_added": _("department added"),
    "department_changed": _("department changed"),
    "department_removed": _("department removed"),
    "channel_added": _("channel added"),
    "channel_changed": _("channel changed"),
    "channel_consent": _("mailbox connected by consent"),
    "channel_tested": _("channel connection tested"),
    "channel_webhook_secret": _("webhook secret renewed"),
    "providersecret_added": _("provider secret added"),
    "providersecret_removed": _("provider secret withdrawn"),
    "systemtext_added": _("system text added"),
    "systemtext_changed": _("system text changed"),
    "systemtext_removed": _("system text removed"),
    "inboundmessage_downloaded": _("received message downloaded"),
    "inboundmessage_tried_again": _("received message tried again"),
    "inboundmessage_read_again": _("received message read again, with something new"),
    "replay_asked": _("received messages to be read again"),
    "inboundmessage_by_hand": _("ticket made from a stopped message"),
    "outboundmessage_downloaded": _("outgoing message downloaded"),
    "outboundmessage_arrived": _("outgoing message marked as arrived"),
    "outboundmessage_sent_again": _("outgoing message sent again"),
    "local_mail_written": _("mail written in the local mailbox"),
    "delivery_uncertain": _("told that nobody knows whether a message arrived"),
    "reaction_tried_again": _("reaction tried again"),
    "demo_cleared": _("demonstration removed"),
}


class KindFilter(ChoiceFilter):
    title = _("what")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        kinds = AuditEntry.objects.order_by("kind").values_list("kind", flat=True).distinct()
        return sorted(((kind, KINDS.get(kind, kind)) for kind in kinds), key=lambda each: str(each[1]))

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(kind=self.value()) if self.value() else queryset


class PersonFilter(ChoiceFilter):
    title = _("who")
    parameter_name = "actor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(each.pk), str(each)) for each in User.objects.order_by("name", "id")[:MOST_PEOPLE]]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(actor=self.value()) if self.value() else queryset


class SinceFilter(LatelyFilter):
    title = _("since")
    moment = "at"


@admin.register(AuditEntry)
class AuditAdmin(ReadOnlyAdmin):
    right = "audit_read"
    group = "trail"
    icon = "shield-check"
    summary = _("Who did what that matters, when and from where.")
    list_display = ("when", "who", "what", "subject", "ip")
    list_display_links = ("when",)
    list_filter = (SinceFilter, KindFilter, PersonFilter)
    search_fields = ("subject",)
    fields = ("when", "who", "what", "subject", "ip", "was", "became")
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("actor")

    @admin.display(description=_("when"), ordering="id")
    def when(self, entry: AuditEntry) -> str:
        return moment(entry.at)

    @admin.display(description=_("who"))
    def who(self, entry: AuditEntry) -> str:
        return str(entry.actor or "—")

    @admin.display(description=_("what"))
    def what(self, entry: AuditEntry) -> str:
        return str(KINDS.get(entry.kind, entry.kind))

    @admin.display(description=_("before"))
    def was(self, entry: AuditEntry) -> SafeString:
        return _facts(entry.before)

    @admin.display(description=_("after"))
    def became(self, entry: AuditEntry) -> SafeString:
        return _facts(entry.after)


def _facts(value: Any) -> SafeString:
    if value is None:
        return mark_safe("—")
    return format_html("<pre>{}</pre>", json.dumps(value, ensure_ascii=False, indent=1))
