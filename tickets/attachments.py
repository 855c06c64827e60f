"""Decides how a stranger's file leaves this server: as a download of a harmless type, never run here (A05, R-148).

Only pictures may be shown in the browser, and only as bytes we wrote ourselves. Who may have a file is decided by
the view that fetched it.
"""

from django.http import Http404, HttpResponse

from channels_inbox.files import read
from channels_inbox.models import MessageAttachment
from helpdesk.csp import FILE_POLICY
from helpdesk.lib.files import (
    OCTET_STREAM,
    ImageRefused,
    content_disposition,
    download_type,
    is_raster_image,
    reencode_image,
)

MAX_SHOWN_PX = 2000


def file_response(file: MessageAttachment, *, show: bool = False) -> HttpResponse:
    """Return the file as a download; with `show` a picture comes inline, drawn anew (anything else downloads).

    Raises `Http404` when the disk lost the bytes.
    """
    try:
        content = read(file.sha256)
    except FileNotFoundError:
        raise Http404 from None
    if show and is_raster_image(file.content_type):
        try:
            picture, kind = reencode_image(content, MAX_SHOWN_PX)
        except ImageRefused:
            return bytes_response(content, name=file.name, content_type=file.content_type)
        return _guarded(HttpResponse(picture, content_type=kind), content_disposition(file.name, inline=True))
    return bytes_response(content, name=file.name, content_type=file.content_type)


def bytes_response(content: bytes, *, name: str, content_type: str = OCTET_STREAM) -> HttpResponse:
    """Return bytes as a download; a type that is not on the allow-list becomes bytes without meaning."""
    response = HttpResponse(content, content_type=download_type(content_type))
    return _guarded(response, content_disposition(name))


def picture_response(file: MessageAttachment) -> HttpResponse:
    """Return a picture drawn anew for the frame of a whole mail. Raises `Http404` for anything but a picture."""
    if not is_raster_image(file.content_type):
        raise Http404
    response = file_response(file, show=True)
    if not response["Content-Disposition"].startswith("inline"):
        raise Http404
    # The frame has an opaque origin, so "same-origin" would hide the picture from it.
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def _guarded(response: HttpResponse, disposition: str) -> HttpResponse:
    response["Content-Disposition"] = disposition
    response["Content-Security-Policy"] = FILE_POLICY
    response["X-Content-Type-Options"] = "nosniff"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    response["Cache-Control"] = "no-store, private"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return response
