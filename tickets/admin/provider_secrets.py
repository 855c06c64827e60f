"""Decides how the secrets shared with mail providers are made, shown once, and withdrawn (R-147)."""

import re
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from channels_inbox.models import ProviderSecret
from channels_inbox.provider_secrets import ADDRESS, MAILGUN, keep_secret, new_address_secret
from helpdesk.templatetags.design import moment
from tickets.admin.base import RightsAdmin, badge

_IN_ADDRESS = re.compile(r"[A-Za-z0-9._~-]+:[A-Za-z0-9._~-]{12,}")
_ROUTES = (
    (_("Postmark, mail"), "postmark_inbound"),
    (_("Postmark, delivery news"), "postmark_tracking"),
    (_("Mailgun, mail"), "mailgun_inbound"),
    (_("Mailgun, delivery news"), "mailgun_tracking"),
)


class ProviderSecretForm(forms.ModelForm):
    value = forms.CharField(
        label=_("secret"),
        required=False,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("For the address: name:password, at least 12 characters, or empty to have one made."),
    )

    class Meta:
        model = ProviderSecret
        fields = ("kind",)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        value, kind = data.get("value", ""), data.get("kind")
        if kind == ADDRESS and value and not _IN_ADDRESS.fullmatch(value):
            self.add_error(
                "value",
                _(
                    "Write name:password with letters, numbers, points and dashes, 12 or more after the colon."
                ),
            )
        if kind == MAILGUN and not value:
            self.add_error(
                "value", _("Mailgun shows the signing key under Sending › Webhooks: copy it here.")
            )
        if kind == MAILGUN and not value.isascii():
            raise ValidationError(_("A signing key of Mailgun has no such characters."))
        return {**data, "value": value or (new_address_secret() if kind == ADDRESS else "")}


@admin.register(ProviderSecret)
class ProviderSecretAdmin(RightsAdmin):
    """Made and withdrawn, never changed or shown again."""

    group = "channels"
    icon = "key-round"
    summary = _("What Postmark and Mailgun prove themselves with. Two of a kind hold at a time.")
    form = ProviderSecretForm
    changeable = False
    deletable = True
    secrets = frozenset({"value"})
    list_display = ("name", "since", "state")
    list_display_links = ("name",)
    fields = ("kind", "value")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("name", "since", "state") if obj else ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("name", "since", "state") if obj else ("kind", "value")

    @admin.display(description=_("secret"))
    def name(self, row: ProviderSecret) -> str:
        return row.get_kind_display()

    @admin.display(description=_("since"))
    def since(self, row: ProviderSecret) -> str:
        return moment(row.made_at)

    @admin.display(description=_("state"))
    def state(self, row: ProviderSecret) -> SafeString:
        newer = ProviderSecret.objects.filter(kind=row.kind, pk__gt=row.pk).exists()
        return badge("warn", gettext("old, still holds")) if newer else badge("ok", gettext("in use"))

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> None:
        obj.fresh = form.cleaned_data["value"]
        keep_secret(obj, obj.fresh)
        self.audit(request, "added", obj)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        """Show the addresses with their secret this once; Mailgun's own key is known where it came from."""
        addresses = _addresses(obj.fresh) if obj.kind == ADDRESS else []
        context = {**self.admin_site.each_context(request), "title": gettext("The secret holds")}
        page = "admin/channels_inbox/providersecret/added.html"
        return render(request, page, {**context, "addresses": addresses})


def _addresses(secret: str) -> list[tuple[Any, str]]:
    """Return what each provider is given: a name and the address with the secret in it."""
    scheme, _sep, host = settings.BASE_URL.partition("://")
    place = f"{scheme}://{secret}@{host}"
    return [(name, place + reverse(f"channels_inbox:{route}")) for name, route in _ROUTES]
