"""Decides how a channel is set up, tried and watched: fields of its adapter, secrets write-only (R-101, A25)."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db import connections
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels_inbox.adapters import adapter_classes, adapter_for
from channels_inbox.models import Channel
from helpdesk.lib.durable import describe
from helpdesk.templatetags.design import moment
from tickets.admin.base import RightsAdmin, badge
from tickets.admin.channel_form import OPTION, SECRET, ChannelForm, form_for, save_policy
from tickets.models import ChannelPolicy, Department

TEST_SECONDS = 10
VALID_SECRETS = 2
Step = tuple[str, bool, str]


@admin.register(Channel)
class ChannelAdmin(RightsAdmin):
    group = "channels"
    icon = "mail"
    summary = _("Mailboxes: how mail comes in and goes out, and which department takes it.")
    verbs = ("test", "webhook_secret")
    change_form_template = "admin/channels_inbox/channel/change_form.html"
    list_display = ("name", "address", "department", "last_message", "state")
    search_fields = ("name", "address", "key")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        policy = ChannelPolicy.objects.filter(channel=OuterRef("pk"))
        names = {each: Subquery(policy.values(f"department__{each}")[:1]) for each in ("name", "name_en")}
        channels = super().get_queryset(request).defer("sealed_credentials", "cursor")
        return channels.annotate(department_name=names["name"], department_name_en=names["name_en"])

    # --- the form ----------------------------------------------------------------------------------------

    def get_form(
        self, request: HttpRequest, obj: Channel | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        return form_for(obj.kind if obj else "email", channel=obj)

    def get_fieldsets(self, request: HttpRequest, obj: Channel | None = None) -> list[Any]:
        fields = list(self.get_form(request, obj).base_fields)
        connection = [name for name in fields if name.startswith((OPTION, SECRET))]
        desk = [name for name in fields if name.startswith("policy_")]
        own = [name for name in fields if name not in {*connection, *desk}]
        parts = [(None, own), (_("What the desk wants of it"), desk), (_("Connection"), connection)]
        return [(title, {"fields": names}) for title, names in parts if names]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ()

    def save_model(self, request: HttpRequest, obj: Channel, form: ChannelForm, change: bool) -> None:  # type: ignore[override]  # the form is ours
        form.seal_into(obj)
        super().save_model(request, obj, form, change)
        save_policy(obj, form.cleaned_data)

    @property
    def secrets(self) -> frozenset[str]:  # type: ignore[override]  # a constant in the base, here from the adapters
        fields = (field for adapter in adapter_classes().values() for field in adapter.fields)
        return frozenset(f"{SECRET}{field.name}" for field in fields if field.secret)

    # --- the list ----------------------------------------------------------------------------------------

    def waiting(self, request: HttpRequest) -> int:
        return Channel.objects.filter(enabled=True, failing_since__isnull=False).count()

    @admin.display(description=_("department"))
    def department(self, channel: Any) -> str:
        names = {"name": channel.department_name, "name_en": channel.department_name_en}
        return Department(**names).label if names["name"] else "—"

    @admin.display(description=_("last message"))
    def last_message(self, channel: Channel) -> str:
        return moment(channel.last_inbound_at) or "—"

    @admin.display(description=_("state"))
    def state(self, channel: Channel) -> SafeString:
        if not channel.enabled:
            return badge("neutral", gettext("switched off"))
        if channel.failing_since:
            since = moment(channel.failing_since)
            return badge("danger", gettext("failing since %(moment)s") % {"moment": since})
        return badge("ok", gettext("in use"))

    # --- the page ----------------------------------------------------------------------------------------

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        channel = kwargs.get("obj")
        if channel is not None:
            context["channel"] = channel
            context["webhook_url"] = _webhook_url(channel)
            context["webhook_secrets"] = len(channel.credentials.get("webhook_secrets", []))
            context["consent_url"] = _consent_url(channel)
        return super().render_change_form(request, context, *args, **kwargs)

    def buttons(self, request: HttpRequest, obj: Channel) -> list[dict[str, Any]]:
        adapter = adapter_classes().get(obj.kind)
        return (
            [self.button("test", obj, _("Test connection"), "refresh-cw")]
            if adapter and adapter.fields
            else []
        )

    def do_test(self, request: HttpRequest, channel: Channel) -> HttpResponse:
        """Try the stored settings, step by step, for at most ten seconds; egress is guarded below (A06)."""
        steps = try_connection(channel)
        worked = all(good for _name, good, _sentence in steps)
        self.audit(request, "tested", channel, after={"worked": worked})
        context = {**self.admin_site.each_context(request), "title": _("Connection test"), "worked": worked}
        return render(
            request, "admin/channels_inbox/channel/test.html", {**context, "steps": steps, "channel": channel}
        )

    def do_webhook_secret(self, request: HttpRequest, channel: Channel) -> HttpResponse:
        """Make a new secret beside the newest of the old ones: both hold while the other side changes (R-147)."""
        fresh = secrets.token_urlsafe(32)
        credentials = channel.credentials
        standing = credentials.get("webhook_secrets", [])
        channel.seal({**credentials, "webhook_secrets": [fresh, *standing][:VALID_SECRETS]})
        channel.save(update_fields=["sealed_credentials"])
        self.audit(request, "webhook_secret", channel)
        context = {**self.admin_site.each_context(request), "title": _("New webhook secret"), "fresh": fresh}
        return render(
            request,
            "admin/channels_inbox/channel/secret.html",
            {**context, "channel": channel, "webhook_url": _webhook_url(channel)},
        )


def try_connection(channel: Channel, *, seconds: float = TEST_SECONDS) -> list[Step]:
    """Return what each step of the adapter's test said; a test that takes longer than `seconds` is left to itself."""
    pool = ThreadPoolExecutor(max_workers=1)
    try:
        return pool.submit(_run_test, channel).result(timeout=seconds)
    except TooLate:
        return [(gettext("Answer"), False, gettext("No answer within %(n)s seconds.") % {"n": int(seconds)})]
    finally:
        pool.shutdown(wait=False)


def _run_test(channel: Channel) -> list[Step]:
    try:
        return adapter_for(channel).test_connection()
    except Exception as error:  # whatever the far side does, the page says it
        return [(gettext("Connection"), False, describe(error))]
    finally:
        connections.close_all()


def _webhook_url(channel: Channel) -> str:
    return settings.BASE_URL + reverse("channels_inbox:webhook", args=[channel.key])


def _consent_url(channel: Channel) -> str:
    """Where consent begins, for channels that sign in by consent."""
    if channel.options.get("access") not in {"google", "microsoft"}:
        return ""
    try:
        return reverse("channels_inbox:consent", args=[channel.key])
    except NoReverseMatch:
        return ""
