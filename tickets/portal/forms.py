"""Decides which fields the customer's forms take, by name, and how files and robots are judged (A09, A12, A23)."""

import hashlib
import re
import uuid
from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.core import signing
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from channels_inbox.adapters.base import Attachment
from channels_inbox.models import Channel
from helpdesk.people.contacts import canonical_email
from tickets.models import Department

MAX_TEXT = 20_000
MAX_FILES = 10
LEAST_SECONDS = 2
STAMP_SALT = "tickets.portal.form"
_KEY = re.compile(r"[0-9a-f]{32}")


class ManyFiles(forms.ClearableFileInput):
    """A file input that takes several."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files: each within the limit, not too many, nothing kept before all are judged (R-148)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            required=False, widget=ManyFiles(), label=_("Files"), allow_empty_file=True, **kwargs
        )

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        files = data if isinstance(data, (list, tuple)) else [data] if data else []
        if len(files) > MAX_FILES:
            most = ngettext("At most %(n)s file at once.", "At most %(n)s files at once.", MAX_FILES)
            raise forms.ValidationError(most % {"n": MAX_FILES})
        for each in files:
            if (each.size or 0) > settings.MAX_ATTACHMENT_BYTES:
                limit = filesizeformat(settings.MAX_ATTACHMENT_BYTES)
                text = _("“%(name)s” is larger than %(limit)s. Send a smaller file or a link to it.")
                raise forms.ValidationError(text % {"name": str(each.name)[:80], "limit": limit})
        if sum(each.size or 0 for each in files) > settings.MAX_MAIL_BYTES:
            limit = filesizeformat(settings.MAX_MAIL_BYTES)
            raise forms.ValidationError(_("Together the files are larger than %(limit)s.") % {"limit": limit})
        return list(files)


def read_files(files: Sequence[UploadedFile]) -> tuple[Attachment, ...]:
    """Return the accepted files with their bytes; name and type are judged again where they are stored."""
    return tuple(_attachment(each) for each in files)


def _attachment(sent: UploadedFile) -> Attachment:
    content = sent.read()
    return Attachment(
        name=sent.name or "",
        content_type=sent.content_type or "",
        content=content,
        sha256=hashlib.sha256(content).hexdigest(),
    )


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
        self.fields["department"].queryset = Department.objects.filter(active=True)  # type: ignore[attr-defined]

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
