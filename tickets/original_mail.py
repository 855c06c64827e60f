"""Decides how a whole mail is looked at: read again from the stored bytes, shown as a document of opaque origin (A01).

Pictures of foreign hosts never load: seeing a mail tells its sender nothing (A03). Pictures that came with the mail
are ours to show; the frame has no cookie, so their addresses carry a signature of a few minutes.
"""

from django.conf import settings
from django.core import signing
from django.http import Http404
from django.urls import reverse

from channels_inbox.inbox import payload_of
from channels_inbox.mime import ParsedEmail, parse_email
from helpdesk.csp import ORIGINAL_MAIL_POLICY
from helpdesk.lib.files import is_raster_image
from helpdesk.lib.html import clean_mail_html, sandbox_document, text_to_html
from tickets.models import EntryAttachment, ThreadEntry

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


def read_whole(entry: ThreadEntry) -> ParsedEmail:
    """Return the mail of an entry, parsed again. Raises as `raw_of`."""
    return parse_email(raw_of(entry))


def remote_pictures(mail: ParsedEmail) -> int:
    """Return how many pictures of foreign hosts the mail names."""
    return clean_mail_html(mail.html).remote_images if mail.html else 0


def frame_document(entry: ThreadEntry, mail: ParsedEmail) -> str:
    """Return the document for the sandboxed frame: the HTML with its looks, else the text as it came."""
    source = mail.html or f"<pre>{text_to_html(mail.text)}</pre>"
    return sandbox_document(source, cid_urls=_picture_urls(entry), title=mail.subject)


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
