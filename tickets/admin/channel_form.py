"""Decides what the form of a channel holds: its facts, the desk's policy, and its adapter's fields (R-101, A25).

Secret fields show nothing that is stored. Empty means unchanged; a changed server or user asks for every secret again,
and forgets what consent gave, so that nobody sends a stored password to a server of their own.
"""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from channels_inbox.adapters import adapter_classes
from channels_inbox.adapters.base import Field
from channels_inbox.models import Channel
from tickets.models import ChannelPolicy, Department
from tickets.models.department import validate_hours

OPTION, SECRET = "option_", "secret_"
WHERE_TO = ("_host", "_port", "_security", "user")
KEPT_ON_MOVE = frozenset({"webhook_secrets"})
MOST_MINUTES = 7 * 24 * 60


class ChannelForm(forms.ModelForm):
    """Facts and policy; `form_for` adds the adapter's fields."""

    adapter_fields: tuple[Field, ...] = ()

    class Meta:
        model = Channel
        fields = ("name", "key", "address", "enabled")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        channel = self.instance
        self.stored: dict[str, Any] = dict(channel.credentials) if channel.pk else {}
        options = channel.options if channel.pk else {}
        for field in self.adapter_fields:
            if field.secret:
                self._show_secret(field)
            else:
                self.initial[f"{OPTION}{field.name}"] = options.get(field.name, field.default)
        policy = ChannelPolicy.objects.filter(channel=channel.pk).first() if channel.pk else None
        self.initial.update(_policy_initial(policy))

    def _show_secret(self, field: Field) -> None:
        if self.stored.get(field.name):
            self.fields[f"{SECRET}{field.name}"].help_text = _("Stored. Leave empty to keep it.")

    def clean_address(self) -> str:
        address = (self.cleaned_data.get("address") or "").strip().lower()
        others = Channel.objects.filter(kind=self.instance.kind, address__iexact=address).exclude(
            pk=self.instance.pk
        )
        if address and others.exists():
            raise ValidationError(_("Another channel already has this address."))
        return address

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.moves():
            for field in self._secret_fields():
                if self.stored.get(field.name) and not data.get(f"{SECRET}{field.name}"):
                    self.add_error(
                        f"{SECRET}{field.name}",
                        _("The server or user changed: type this again, stored secrets go nowhere new."),
                    )
        return data

    def moves(self) -> bool:
        """Whether the stored secrets would be sent to another server or for another user."""
        moved = [f"{OPTION}{field.name}" for field in self.adapter_fields if field.name.endswith(WHERE_TO)]
        return bool(self.instance.pk) and any(name in self.changed_data for name in moved)

    def seal_into(self, channel: Channel) -> None:
        """Set (not save) options and secrets on the row; what is not typed stays."""
        own = {field.name: self.cleaned_data.get(f"{OPTION}{field.name}") for field in self._open_fields()}
        channel.options = {
            **channel.options,
            **{name: "" if value is None else value for name, value in own.items()},
        }
        typed = {
            field.name: self.cleaned_data.get(f"{SECRET}{field.name}") for field in self._secret_fields()
        }
        kept = {k: v for k, v in self.stored.items() if k in KEPT_ON_MOVE} if self.moves() else self.stored
        changed = {name: value for name, value in typed.items() if value}
        if changed or kept != self.stored:
            channel.seal({**kept, **changed})

    def _secret_fields(self) -> list[Field]:
        return [field for field in self.adapter_fields if field.secret]

    def _open_fields(self) -> list[Field]:
        return [field for field in self.adapter_fields if not field.secret]


def form_for(kind: str, *, channel: Channel | None) -> type[ChannelForm]:
    """Return the form class of a channel kind; the key can be chosen once."""
    adapter = adapter_classes().get(kind)
    fields = adapter.fields if adapter else ()
    members: dict[str, Any] = {"adapter_fields": fields}
    if kind != "portal":
        members.update(_policy_fields())
    members |= {f"{SECRET if each.secret else OPTION}{each.name}": _form_field(each) for each in fields}
    shown = ("name", "address", "enabled") if channel else ("name", "key", "address", "enabled")
    members["Meta"] = type("Meta", (ChannelForm.Meta,), {"fields": shown})
    if channel is None:
        members["_kind"] = kind
    return type("ChannelForm", (_NewChannelForm if channel is None else ChannelForm,), members)


class _NewChannelForm(ChannelForm):
    _kind = "email"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.kind = self._kind


def _form_field(field: Field) -> forms.Field:
    common: dict[str, Any] = {"label": field.label, "help_text": field.help, "required": field.required}
    if field.secret:
        widget = forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"})
        return forms.CharField(**{**common, "required": False}, widget=widget, max_length=4000, strip=False)
    if field.kind == "check":
        return forms.BooleanField(**{**common, "required": False})
    if field.choices:
        return forms.ChoiceField(**common, choices=field.choices)
    if field.kind == "number":
        return forms.IntegerField(**common, min_value=1, max_value=65535)
    return forms.CharField(**common, max_length=254)


def _policy_fields() -> dict[str, forms.Field]:
    return {
        "policy_department": forms.ModelChoiceField(
            label=_("department"), queryset=Department.objects.filter(active=True), empty_label=None
        ),
        "policy_hours": forms.CharField(
            label=_("opening hours"),
            max_length=300,
            validators=[validate_hours],
            help_text=_("For example: seg-sex 08:00-12:00,13:00-18:00; sab 09:00-13:00"),
        ),
        "policy_acknowledge": forms.BooleanField(label=_("confirm receipt automatically"), required=False),
        "policy_minutes": forms.IntegerField(
            label=_("first reply, in minutes of opening time"),
            required=False,
            min_value=1,
            max_value=MOST_MINUTES,
            help_text=_("Told in the confirmation. Empty: no promise in minutes."),
        ),
    }


def _policy_initial(policy: ChannelPolicy | None) -> dict[str, Any]:
    hours = policy.hours if policy else Department._meta.get_field("hours").default
    return {
        "policy_department": policy.department_id if policy else None,
        "policy_hours": hours,
        "policy_acknowledge": policy.acknowledge if policy else True,
        "policy_minutes": policy.first_reply.get("minutes") if policy else None,
    }


def save_policy(channel: Channel, data: dict[str, Any]) -> None:
    """Write what the desk wants of the channel; a target said otherwise than in minutes stays when none is typed."""
    if "policy_department" not in data:
        return
    policy = ChannelPolicy.objects.filter(channel=channel).first() or ChannelPolicy(channel=channel)
    minutes = data["policy_minutes"]
    others = {k: v for k, v in policy.first_reply.items() if k not in {"minutes", "warn_at"}}
    policy.department, policy.hours = data["policy_department"], data["policy_hours"]
    policy.acknowledge = data["policy_acknowledge"]
    if minutes != policy.first_reply.get("minutes"):
        policy.first_reply = {"minutes": minutes} if minutes else others
    if policy.pk:
        policy.save(update_fields=["department", "hours", "acknowledge", "first_reply"])
    else:
        policy.save(force_insert=True)
