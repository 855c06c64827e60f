"""What a stranger's file is called, what it is, and how a browser may get it (A05, A12, R-148).

The type comes from the content; name and declared type only choose among harmless kinds of text. A download
is served with a type from `DOWNLOAD_TYPES` or as bytes without meaning: never HTML, SVG, XML or script.
Pictures are shown only after `reencode_image` wrote them anew.
"""

import io
import re
import unicodedata
from urllib.parse import quote

import filetype
from PIL import Image, ImageOps

OCTET_STREAM = "application/octet-stream"
HEAD_LENGTH = 8192
MAX_NAME_LENGTH = 120
MAX_NAME_BYTES = 200
MAX_PIXELS = 40_000_000
MAX_IMAGE_BYTES = 25 * 1024 * 1024
RASTER_IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"})

_OFFICE = "application/vnd.openxmlformats-officedocument"
_OPEN = "application/vnd.oasis.opendocument"
DOWNLOAD_TYPES = RASTER_IMAGES | {
    "application/pdf",
    "application/zip",
    "application/gzip",
    "application/x-7z-compressed",
    "application/x-rar-compressed",
    "application/msword",
    "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint",
    f"{_OFFICE}.wordprocessingml.document",
    f"{_OFFICE}.spreadsheetml.sheet",
    f"{_OFFICE}.presentationml.presentation",
    f"{_OPEN}.text",
    f"{_OPEN}.spreadsheet",
    f"{_OPEN}.presentation",
    "image/tiff",
    "image/heic",
    "audio/mpeg",
    "audio/ogg",
    "audio/aac",
    "audio/amr",
    "audio/m4a",
    "audio/mp4",
    "audio/x-wav",
    "video/mp4",
    "video/webm",
    "video/quicktime",
    "video/3gpp",
    "text/plain",
    "text/csv",
    "text/calendar",
    "text/vcard",
}
_TEXT_BY_SUFFIX = {"csv": "text/csv", "ics": "text/calendar", "vcf": "text/vcard"}
_CONTAINERS = {"docx", "xlsx", "pptx", "odt", "ods", "odp"}
_TYPE_BY_SUFFIX = {
    "docx": f"{_OFFICE}.wordprocessingml.document",
    "xlsx": f"{_OFFICE}.spreadsheetml.sheet",
    "pptx": f"{_OFFICE}.presentationml.presentation",
    "odt": f"{_OPEN}.text",
    "ods": f"{_OPEN}.spreadsheet",
    "odp": f"{_OPEN}.presentation",
}
_OFFICE_PARTS = (b"[Content_Types].xml", b"_rels/", b"mimetype", b"word/", b"xl/", b"ppt/")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_BY_SUFFIX = {
    "doc": "application/msword",
    "xls": "application/vnd.ms-excel",
    "ppt": "application/vnd.ms-powerpoint",
}
_MARKUP = re.compile(
    rb"<(?:!doctype|html|head|body|script|iframe|svg|math|meta|link|style|object|embed|title|table|div|img|a|p|b|br"
    rb"|h1|form|frameset|\?php|\?=|%)[\s/>:!]|<!--",
    re.IGNORECASE,
)
_SCRIPT = re.compile(rb"^\s*(?:#!|\(?function\b|var |let |const |import |export |eval\(|document\.|window\.)")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
_UNSAFE_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


class ImageRefused(Exception):
    """Not a picture we show: broken, of another kind, or too large once unpacked."""


def sniff_type(head: bytes, name: str, declared: str) -> str:
    """Return the media type by content: what the file is, not what it may be served as (`download_type`).

    `head` is the first 8,192 bytes or the whole file. Markup and script are named as such whatever the name
    says; content nobody knows is application/octet-stream. `declared` only decides between kinds of harmless
    text.
    """
    head = head[:HEAD_LENGTH]
    suffix = name.rsplit(".", 1)[-1].lower() if "." in name else ""
    guess = filetype.guess(head) if head else None
    known = guess.mime if guess else ""
    if head.startswith(_OLE):
        return known if known in DOWNLOAD_TYPES else _OLE_BY_SUFFIX.get(suffix, OCTET_STREAM)
    if known == "application/zip" and suffix in _CONTAINERS and _looks_like_office(head):
        return _TYPE_BY_SUFFIX[suffix]
    if known and not _is_text_with_magic(head, known):
        return known
    return _sniff_text(head, suffix, declared)


def download_type(sniffed: str) -> str:
    """Return the Content-Type a download is served with: from the allow-list, else bytes without meaning."""
    if sniffed not in DOWNLOAD_TYPES:
        return OCTET_STREAM
    return f"{sniffed}; charset=utf-8" if sniffed.startswith("text/") else sniffed


def is_raster_image(content_type: str) -> bool:
    """Whether `reencode_image` may show it."""
    return content_type in RASTER_IMAGES


def safe_filename(name: str, *, default: str = "attachment") -> str:
    """Return a name that is one path part without hidden characters, at most 120 characters and 200 bytes.

    The extension survives trimming. Names of devices (`CON`) get an underscore, dot files lose the dot.
    """
    text = unicodedata.normalize("NFC", name[:4096])
    text = "".join(" " if char in "\t\r\n\x0b\x0c" else char for char in text)
    text = "".join(char for char in text if unicodedata.category(char) not in _UNSAFE_CATEGORIES)
    text = re.split(r"[/\\]", text.rstrip("/\\ "))[-1]
    text = re.sub(r'[<>:"|?*]', "_", text)
    text = " ".join(text.split()).lstrip(". ").rstrip(". ")
    if _RESERVED.fullmatch(text):
        text = f"_{text}"
    return _trim_name(text) or default


def content_disposition(name: str, *, inline: bool = False) -> str:
    """Return the header value of RFC 6266: an ASCII name for old clients, the true one in `filename*`."""
    safe = safe_filename(name)
    plain = unicodedata.normalize("NFKD", safe).encode("ascii", "ignore").decode("ascii")
    plain = re.sub(r"[^A-Za-z0-9 ._()\[\]{}@,;=+&#$!'~^-]", "_", plain).strip(" .") or "attachment"
    kind = "inline" if inline else "attachment"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(safe, safe='')}"


def reencode_image(data: bytes, max_px: int) -> tuple[bytes, str]:
    """Return (bytes, media type) of the picture written anew, at most `max_px` wide and high.

    PNG when it has transparency, else JPEG; without metadata, first frame only. The size is read from the
    header and refused before a pixel is unpacked. Raises ImageRefused.
    """
    if len(data) > MAX_IMAGE_BYTES:
        raise ImageRefused("the picture is too large")
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "GIF", "WEBP", "BMP")) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ImageRefused(f"the picture has more than {MAX_PIXELS} pixels")
            image.draft("RGB", (max_px, max_px))
            return _write_image(ImageOps.exif_transpose(image), max_px)
    except ImageRefused:
        raise
    # Pillow's decoders raise nearly anything on hostile bytes, each of them means the same here.
    except Exception as error:
        raise ImageRefused(f"the picture cannot be read ({type(error).__name__})") from error


def _write_image(image: Image.Image, max_px: int) -> tuple[bytes, str]:
    transparent = image.has_transparency_data
    image = image.convert("RGBA" if transparent else "RGB")
    image.thumbnail((max_px, max_px))
    image.info.clear()
    output = io.BytesIO()
    if transparent:
        image.save(output, "PNG")
        return output.getvalue(), "image/png"
    image.save(output, "JPEG", quality=85)
    return output.getvalue(), "image/jpeg"


def _looks_like_office(head: bytes) -> bool:
    return any(mark in head for mark in _OFFICE_PARTS)


def _is_text_with_magic(head: bytes, known: str) -> bool:
    """Whether a short magic (`BM`, `%!`, `ID3` …) is merely how a text begins."""
    if known.startswith("image/") and known != "image/bmp":
        return False
    return b"\0" not in head and known not in ("application/pdf", "application/rtf") and _decodes(head)


def _decodes(head: bytes) -> bool:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 3 and len(head) == HEAD_LENGTH
    return True


def _sniff_text(head: bytes, suffix: str, declared: str) -> str:
    stripped = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if stripped.startswith((b"\xff\xfe", b"\xfe\xff")):
        stripped = head.replace(b"\0", b"")[2:].lstrip()
    elif b"\0" in head:
        return OCTET_STREAM
    lowered = stripped.lower()
    if lowered.startswith((b"<?xml", b"<svg", b"<!doctype svg")):
        return "image/svg+xml" if b"<svg" in lowered else "application/xml"
    if _MARKUP.search(stripped):
        return "text/html"
    if suffix in ("js", "mjs") or _SCRIPT.match(stripped) or "javascript" in declared.lower():
        return "text/javascript"
    if any(byte < 32 and byte not in b"\t\n\r\x0c\x1b" for byte in stripped):
        return OCTET_STREAM
    if not stripped:
        return "text/plain" if suffix in ("txt", "csv", "log") else OCTET_STREAM
    by_name = _TEXT_BY_SUFFIX.get(suffix)
    declared_kind = declared.split(";", 1)[0].strip().lower()
    return by_name or (declared_kind if declared_kind in _TEXT_BY_SUFFIX.values() else "text/plain")


def _trim_name(text: str) -> str:
    stem, dot, suffix = text.rpartition(".")
    if not dot or not stem or len(suffix) > 16:
        stem, dot, suffix = text, "", ""
    ending = dot + suffix
    stem = stem[: MAX_NAME_LENGTH - len(ending)]
    room = MAX_NAME_BYTES - len(ending.encode("utf-8"))
    stem = stem.encode("utf-8")[: max(room, 0)].decode("utf-8", "ignore").rstrip(". ")
    return stem + ending if stem else ending.lstrip(".")
