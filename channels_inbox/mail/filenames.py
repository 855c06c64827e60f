"""Decides the name under which an attachment is shown and saved (A12, R-148)."""

import re
import unicodedata

from channels_inbox.mail import limits
from channels_inbox.mail.charsets import one_line

_FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f]')
_SEPARATORS = re.compile(r"[/\\\u2044\u2215\u29f8\uff0f\uff3c]")
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$)", re.IGNORECASE)
_EXTENSION = re.compile(r"\.[A-Za-z0-9_-]{1,16}")
_EXTENSIONS = {
    "application/json": ".json",
    "application/msword": ".doc",
    "application/octet-stream": ".bin",
    "application/pdf": ".pdf",
    "application/pkcs7-mime": ".p7m",
    "application/pkcs7-signature": ".p7s",
    "application/rtf": ".rtf",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.ms-powerpoint": ".ppt",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/x-pkcs7-mime": ".p7m",
    "application/x-pkcs7-signature": ".p7s",
    "application/xml": ".xml",
    "application/zip": ".zip",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".ogg",
    "image/bmp": ".bmp",
    "image/gif": ".gif",
    "image/heic": ".heic",
    "image/jpeg": ".jpg",
    "image/jpg": ".jpg",
    "image/png": ".png",
    "image/svg+xml": ".svg",
    "image/tiff": ".tif",
    "image/webp": ".webp",
    "message/rfc822": ".eml",
    "text/calendar": ".ics",
    "text/csv": ".csv",
    "text/html": ".html",
    "text/plain": ".txt",
    "text/vcard": ".vcf",
    "text/x-vcard": ".vcf",
    "text/xml": ".xml",
    "video/mp4": ".mp4",
}
_WELL_KNOWN = {
    "application/ms-tnef": "winmail.dat",
    "application/vnd.ms-tnef": "winmail.dat",
    "application/pkcs7-signature": "smime.p7s",
    "application/x-pkcs7-signature": "smime.p7s",
    "application/pkcs7-mime": "smime.p7m",
    "application/x-pkcs7-mime": "smime.p7m",
    "application/pgp-signature": "signature.asc",
    "application/pgp-encrypted": "version.asc",
    "application/pgp-keys": "keys.asc",
    "text/calendar": "invite.ics",
    "text/vcard": "contact.vcf",
    "text/x-vcard": "contact.vcf",
    "message/rfc822": "message.eml",
    "message/delivery-status": "delivery-status.txt",
    "message/disposition-notification": "receipt.txt",
    "message/feedback-report": "feedback-report.txt",
    "text/rfc822-headers": "headers.txt",
}


def safe_name(name: str) -> str:
    """`name` without path, controls, hidden marks and device names, bounded, extension kept; may be ''."""
    name = _SEPARATORS.sub("/", one_line(name[:4000]).replace("\0", ""))
    name = next((piece for piece in reversed(name.split("/")) if piece.strip(" .\u200c\u200d")), "")
    name = "".join(letter for letter in name if unicodedata.category(letter) not in ("Cf", "Cc", "Cs", "Cn"))
    name = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", name)).strip().lstrip(". ").rstrip(". ")
    if _DEVICES.fullmatch(name.split(".", 1)[0].strip()):
        name = f"_{name}"
    return _shorten(name)


def invented_name(content_type: str, number: int) -> str:
    """Name of a part that has none."""
    known = _WELL_KNOWN.get(content_type)
    return known or f"attachment-{number}{_EXTENSIONS.get(content_type, '.bin')}"


def message_name(subject: str) -> str:
    """File name of a mail attached to a mail."""
    stem = safe_name(subject.replace("/", "-").replace("\\", "-").replace(":", ""))
    return f"{stem[: limits.FILE_NAME_CHARS - 4].rstrip('. ')}.eml" if stem else "message.eml"


def _shorten(name: str) -> str:
    if len(name) <= limits.FILE_NAME_CHARS and len(name.encode()) <= limits.FILE_NAME_BYTES:
        return name
    stem, extension = name, ""
    dot = name.rfind(".")
    if dot > 0 and _EXTENSION.fullmatch(name[dot:]):
        stem, extension = name[:dot], name[dot:]
    stem = stem[: limits.FILE_NAME_CHARS - len(extension)]
    stem = stem.encode()[: limits.FILE_NAME_BYTES - len(extension)].decode("utf-8", "ignore")
    return stem.rstrip(". ") + extension
