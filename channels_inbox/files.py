"""Decides where message files lie: outside the database, named by their own SHA-256, mode 0600.

A file is written whole (temporary name, fsync, rename, directory fsync) before any row names it, so a row never
points at half a file. Nothing here is ever served by path.
"""

import hashlib
import os
import tempfile
from pathlib import Path

from django.conf import settings

from channels_inbox.models import MessageAttachment
from helpdesk.lib.disk import sync_folder
from helpdesk.lib.files import safe_filename, sniff_type


def path_of(sha256: str) -> Path:
    """Return where the bytes with this hash lie. Raises `ValueError` for anything but a hash."""
    if len(sha256) != 64 or not all(c in "0123456789abcdef" for c in sha256):
        raise ValueError("not a SHA-256")
    return Path(settings.ATTACHMENTS_DIR) / sha256[:2] / sha256


def keep(content: bytes, *, sha256: str = "") -> str:
    """Store bytes durably; return their hash. Storing the same bytes again changes nothing."""
    sha256 = sha256 or hashlib.sha256(content).hexdigest()
    target = path_of(sha256)
    if target.exists():
        return sha256
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(target.parent)
    return sha256


def read(sha256: str) -> bytes:
    """Return the bytes with this hash. Raises `FileNotFoundError` when the disk lost them."""
    return path_of(sha256).read_bytes()


def new_attachment(
    content: bytes,
    *,
    name: str,
    content_type: str,
    inline: bool = False,
    content_id: str = "",
    sha256: str = "",
) -> MessageAttachment:
    """Keep the bytes and return an unsaved row for them: safe name, type by content (A05, A12)."""
    name = safe_filename(name)
    return MessageAttachment(
        sha256=keep(content, sha256=sha256),
        name=name,
        content_type=sniff_type(content[:8192], name, content_type),
        size=len(content),
        inline=inline,
        content_id=content_id[:255],
    )
