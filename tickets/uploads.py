"""Decides which files a form takes: how many, how heavy each and together, and how a refused form keeps them (R-148).

What one message may carry is a setting (`MAX_FILES_MB`); the screens say it before anything is sent.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.core import signing
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from channels_inbox.adapters.base import Attachment
from channels_inbox.files import new_attachment
from channels_inbox.models import MessageAttachment
from helpdesk.people.models import User

MAX_FILES = 10
MAX_DRAFT_FILES = 20
KEPT_SALT = "tickets.uploads.kept"
KEPT_SECONDS = 24 * 3600
MEGABYTE = 1024 * 1024


def size_words(size: int) -> str:
    """Say a limit: `25 MB`, not `25.0 MB`."""
    return f"{size // MEGABYTE} MB" if size % MEGABYTE == 0 else filesizeformat(size)


def check_file(file: UploadedFile) -> None:
    """Raise `ValidationError` for a file heavier than one may be; it names the file."""
    if (file.size or 0) > settings.MAX_ATTACHMENT_BYTES:
        limit = size_words(settings.MAX_ATTACHMENT_BYTES)
        text = _("“%(name)s” is larger than %(limit)s. Send a smaller file or a link to it.")
        raise forms.ValidationError(text % {"name": str(file.name)[:80], "limit": limit}, code="size")


def check_number(number: int, *, most: int) -> None:
    """Raise `ValidationError` when these are more files than one message may have."""
    if number > most:
        text = ngettext("At most %(n)s file at once.", "At most %(n)s files at once.", most)
        raise forms.ValidationError(text % {"n": most}, code="number")


def check_weight(total: int) -> None:
    """Raise `ValidationError` when files of so many bytes together are more than one message may carry."""
    if total > settings.MAX_FILES_BYTES:
        limit = size_words(settings.MAX_FILES_BYTES)
        text = _("Together the files are larger than %(limit)s. Take one out, or send a link to it.")
        raise forms.ValidationError(text % {"limit": limit}, code="size")


def limits_of(most: int) -> dict[str, Any]:
    """Return what an attach control is told: bytes of one file, bytes of all, how many, and how it says them."""
    one, every = settings.MAX_ATTACHMENT_BYTES, settings.MAX_FILES_BYTES
    words = {"one_words": size_words(one), "all_words": size_words(every)}
    return {"one": one, "all": every, "most": most, **words}


class ManyFiles(forms.ClearableFileInput):
    """A file input that takes several."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files: each within the limit, not too many, nothing kept before all are judged (R-148)."""

    def __init__(self, *, most: int = MAX_FILES, **kwargs: Any) -> None:
        self.most = most
        super().__init__(
            required=False, widget=ManyFiles(), label=gettext_lazy("Files"), allow_empty_file=True, **kwargs
        )

    @property
    def limits(self) -> dict[str, Any]:
        return limits_of(self.most)

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        files = data if isinstance(data, (list, tuple)) else [data] if data else []
        check_number(len(files), most=self.most)
        for each in files:
            check_file(each)
        check_weight(sum(each.size or 0 for each in files))
        return list(files)


class KeptField(forms.Field):
    """Files that came with an earlier, refused post of the same form, each under its signature."""

    widget = forms.MultipleHiddenInput

    def __init__(self) -> None:
        super().__init__(required=False)

    def clean(self, value: Any) -> list[str]:
        return [str(each) for each in value or []][:MAX_DRAFT_FILES]


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


def store_files(files: Iterable[UploadedFile]) -> list[MessageAttachment]:
    """Store uploaded files and return their rows."""
    rows = [
        new_attachment(each.content, name=each.name, content_type=each.content_type, sha256=each.sha256)
        for each in read_files(list(files))
    ]
    return MessageAttachment.objects.bulk_create(rows)


def sign_kept(user: User, row: MessageAttachment) -> str:
    """Return what a form carries of a stored file, good for its uploader and a day (A27)."""
    return signing.dumps([user.pk, row.pk], salt=KEPT_SALT)


def find_kept(user: User, signed: Sequence[str]) -> list[MessageAttachment]:
    """Return the stored files a form carried; what is old, forged or another person's is left out."""
    found = [pk for each in signed if (pk := _kept_pk(user, each))]
    return list(MessageAttachment.objects.filter(pk__in=found).order_by("pk"))


def _kept_pk(user: User, signed: str) -> int:
    try:
        owner, pk = signing.loads(signed, salt=KEPT_SALT, max_age=KEPT_SECONDS)
    except signing.BadSignature:
        return 0
    return int(pk) if owner == user.pk else 0
