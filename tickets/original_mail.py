"""Decides how a whole mail is looked at: read again from the stored bytes, shown as a document of opaque origin (A01).

Pictures of foreign hosts never load: seeing a mail tells its sender nothing (A03). Pictures that came with the mail
are ours to show; the frame has no cookie, so their addresses carry a signature of a few minutes.
"""

import logging

from django.conf import settings
from django.core import signing
from django.http import Http404
from django.urls import reverse

from channels_inbox.confined import ParseTooExpensive, look_apart
from channels_inbox.inbox import payload_of
from channels_inbox.whole_mail import WholeMail
from helpdesk.csp import ORIGINAL_MAIL_POLICY
from helpdesk.lib.files import is_raster_image
from tickets.models import EntryAttachment, ThreadEntry

logger = logging.getLogger(__name__)
PICTURE_SALT = "tickets.original.picture"
PICTURE_SECONDS = 600


def raw_of(entry: ThreadEntry) -> bytes:
    """Return the mail as it arrived. Raises `Http404` when the entry was none, or the disk lost it."""
    inbound = entry.inbound
    if inbound is None or inbound.channel.kind != "email":
        raise Http404
    try:
        return payload_of(inbound)
    except FileNotFoundError:
        raise Http404 from None


def read_whole(entry: ThreadEntry) -> WholeMail | None:
    """Return what is shown of an entry's mail, read again apart from this process; None when that costs too much.

    Raises as `raw_of`.
    """
    raw = raw_of(entry)
    try:
        return look_apart(raw, cid_urls=_picture_urls(entry))
    except ParseTooExpensive as error:
        logger.warning("the mail of entry %s is not shown: %s", entry.pk, error)
        return None


def frame_policy() -> str:
    """Return the policy the frame is served with."""
    return ORIGINAL_MAIL_POLICY.format(images=settings.BASE_URL)


def _picture_urls(entry: ThreadEntry) -> dict[str, str]:
    files = EntryAttachment.objects.filter(entry=entry).exclude(file__content_id="").select_related("file")
    return {
        each.file.content_id: settings.BASE_URL + reverse("tickets:original_picture", args=[_sign(each)])
        for each in files
        if is_raster_image(each.file.content_type)
    }


def _sign(attachment: EntryAttachment) -> str:
    return signing.dumps(attachment.pk, salt=PICTURE_SALT)


def signed_picture(value: str) -> EntryAttachment:
    """Return the attachment a fresh signature names. Raises `Http404` for an old or forged one."""
    try:
        pk = signing.loads(value, salt=PICTURE_SALT, max_age=PICTURE_SECONDS)
    except signing.BadSignature:
        raise Http404 from None
    attachment = EntryAttachment.objects.select_related("file").filter(pk=pk).first()
    if attachment is None:
        raise Http404
    return attachment
