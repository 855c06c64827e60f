"""Decides which fields the customer's forms take, by name, and how robots are judged (A09, A23)."""

import re
import uuid
from typing import Any

from django import forms
from django.core import signing
from django.utils.translation import gettext_lazy as _

from channels_inbox.models import Channel
from helpdesk.people.contacts import canonical_email
from tickets.models import Department
from tickets.uploads import FilesField

MAX_TEXT = 20_000
LEAST_SECONDS = 2
STAMP_SALT = "tickets.portal.form"
_KEY = re.compile(r"[0-9a-f]{32}")


class KeyedForm(forms.Form):
    """A form that counts once, however often it is sent: the page gives it a random key."""

    key = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def clean_key(self) -> str:
        key = self.cleaned_data["key"]
        return key if _KEY.fullmatch(key) else uuid.uuid4().hex


def new_key() -> str:
    """Return a key for a fresh form."""
    return uuid.uuid4().hex


class ReplyForm(KeyedForm):
    """What a customer writes on the ticket's page."""

    text = forms.CharField(label=_("Your message"), required=False, max_length=MAX_TEXT, strip=True)
    files = FilesField()  # type: ignore[assignment]  # the declared field leaves the class; FILES stays

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if not self.errors and not values.get("text") and not values.get("files"):
            self.add_error("text", _("Write the message before sending it."))
        return values


class LinkForm(forms.Form):
    """Which address wants another link; the ticket, when the page knows it."""

    email = forms.EmailField(label=_("E-mail used in the ticket"), max_length=254)
    protocol = forms.RegexField(r"^\d{2}-\d{1,7}$", required=False, widget=forms.HiddenInput)

    def clean_email(self) -> str:
        return canonical_email(self.cleaned_data["email"])


class SubmitForm(KeyedForm):
    """The help form. `website` is a trap no person sees; `stamp` says when the page was made."""

    name = forms.CharField(label=_("Your name"), max_length=200)
    email = forms.EmailField(label=_("Your e-mail"), max_length=254)
    department = forms.ModelChoiceField(
        Department.objects.none(), label=_("What is it about?"), empty_label=None
    )
    subject = forms.CharField(label=_("Subject"), max_length=200)
    text = forms.CharField(label=_("What happened?"), max_length=MAX_TEXT)
    files = FilesField()  # type: ignore[assignment]  # the declared field leaves the class; FILES stays
    website = forms.CharField(required=False, max_length=200)
    stamp = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["department"].queryset = Department.objects.filter(active=True)  # type: ignore[attr-defined]  # a ModelChoiceField

    def clean_email(self) -> str:
        email = canonical_email(self.cleaned_data["email"])
        if Channel.objects.filter(kind="email", address__iexact=email).exists():
            raise forms.ValidationError(_("This is our own address. Write yours, so that we can answer."))
        return email

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if not self.errors and (values.get("website") or not _is_human(values.get("stamp", ""))):
            raise forms.ValidationError(
                _(
                    "We could not tell that a person sent this. Nothing is lost: check it and send it once more."
                ),
                code="robot",
            )
        return values


def new_stamp() -> str:
    """Return a signed mark of when a form was made."""
    return signing.dumps("form", salt=STAMP_SALT)


def _is_human(stamp: str) -> bool:
    """Whether the form took longer than a program needs; a forged or missing stamp does not count."""
    try:
        signing.loads(stamp, salt=STAMP_SALT, max_age=LEAST_SECONDS)
    except signing.SignatureExpired:
        return True
    except signing.BadSignature:
        return False
    return False
