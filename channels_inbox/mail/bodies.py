"""Decides which parts are text to show and which are files to keep (R-127, R-148).

Every text part is shown; whatever is no text, or was meant as a file, is an attachment.
"""

import hashlib
import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from channels_inbox.mail import limits
from channels_inbox.mail.charsets import decode_text, storable
from channels_inbox.mail.filenames import invented_name, message_name, safe_name
from channels_inbox.mail.headers import split_headers
from channels_inbox.mail.parts import Part, walk_leaves
from channels_inbox.mail.plaintext import html_to_text, text_to_html, unflow

PLAIN = frozenset(
    ("text/plain", "text/enriched", "text/richtext", "text/markdown", "text/x-markdown", "text/x-plain")
)
SHOWN = PLAIN | {"text/html", "application/xhtml+xml"}
# Other renditions of the same words, for watches and the like; files only where they stand alone.
_RENDITIONS = frozenset(("text/x-amp-html", "text/watch-html", "text/enriched", "text/richtext"))
# In a report these tell machines what the text tells people; the bounce fields carry them.
_REPORT_PARTS = frozenset(
    (
        "message/delivery-status",
        "message/global-delivery-status",
        "text/rfc822-headers",
        "message/disposition-notification",
        "message/feedback-report",
    )
)
_META_CHARSET = re.compile(
    rb"<meta[^>]{0,200}charset\s{0,10}=\s{0,10}[\"']?([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE
)
_CID = re.compile(r"cid:([^\s\"'<>)]{1,500})", re.IGNORECASE)


@dataclass(frozen=True)
class Attachment:
    """A file of a mail: safe name, type as declared, size in bytes, SHA-256 in hex, and its bytes."""

    name: str
    content_type: str
    size: int
    sha256: str
    inline: bool
    content_id: str
    content: bytes = field(repr=False)


@dataclass
class Body:
    """What is shown, and the parts that are files."""

    text: str = ""
    html: str = ""
    only_html: bool = False
    files: list[Part] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)


@dataclass
class _Block:
    """One stretch of the mail, in one or two renditions."""

    group: Part | None
    plain: list[str] = field(default_factory=list)
    html: list[str] = field(default_factory=list)


def read_body(root: Part) -> Body:
    """Text and HTML of a mail in the order of its parts; text is made from HTML where there is no other."""
    body = Body()
    leaves = walk_leaves(root)
    shown = [leaf for leaf in leaves if _is_shown(leaf, root)]
    if not shown:
        shown = [
            leaf for leaf in leaves if leaf.content_type in SHOWN and leaf.disposition.main != "attachment"
        ][:1]
        body.files += shown  # a text with a file name, and nothing else to read
    body.files += [leaf for leaf in leaves if leaf not in shown and _is_file(leaf, shown)]
    blocks = _read_blocks(shown, body)
    _join_blocks(blocks, body)
    return body


def _is_shown(leaf: Part, root: Part) -> bool:
    if leaf.content_type not in SHOWN or leaf.disposition.main == "attachment":
        return False
    if leaf.content_type in _RENDITIONS and leaf.within("multipart/alternative"):
        return False
    return leaf is root or not leaf.file_name


def _is_file(leaf: Part, shown: list[Part]) -> bool:
    if leaf.start >= leaf.end and not leaf.file_name:
        return False
    if leaf.content_type in _REPORT_PARTS and leaf.within("multipart/report") and not leaf.file_name:
        return False
    if leaf.content_type in _RENDITIONS:
        above = leaf.within("multipart/alternative")
        return not (above and any(other.within("multipart/alternative") is above for other in shown))
    return True


def _read_blocks(shown: list[Part], body: Body) -> list[_Block]:
    blocks: list[_Block] = []
    room = limits.TEXT_BYTES
    for leaf in shown:
        group = leaf.within("multipart/alternative")
        if not blocks or group is None or blocks[-1].group is not group:
            blocks.append(_Block(group))
        text = _read_text(leaf, room, body)
        room -= min(room, leaf.end - leaf.start)
        (blocks[-1].plain if leaf.content_type in PLAIN else blocks[-1].html).append(text)
    return blocks


def _read_text(leaf: Part, room: int, body: Body) -> str:
    data = leaf.decode()
    if len(data) > room:
        body.defects.append("text_cut")
        if leaf not in body.files:
            body.files.append(leaf)
        data = data[:room]
    is_plain = leaf.content_type in PLAIN
    declared = leaf.parameters.get("charset", "")
    if not declared and not is_plain:
        meta = _META_CHARSET.search(data[:4096])
        declared = meta.group(1).decode("ascii") if meta else ""
    text, defect = decode_text(data, declared)
    body.defects += [*leaf.defects, *([defect] if defect else [])]
    text = storable(text)
    if is_plain and leaf.parameters.get("format", "").lower() == "flowed":
        text = unflow(text, delete_space=leaf.parameters.get("delsp", "").lower() == "yes")
    if leaf.content_type in ("text/enriched", "text/richtext"):
        text = html_to_text(text)
    return text


def _join_blocks(blocks: list[_Block], body: Body) -> None:
    has_html = any(block.html for block in blocks)
    body.only_html = has_html and not any(block.plain and "".join(block.plain).strip() for block in blocks)
    texts, htmls = [], []
    for block in blocks:
        plain = "\n".join(block.plain)
        markup = "\n".join(block.html)
        if not plain.strip() and markup:
            plain = html_to_text(markup)
        texts.append(plain)
        if has_html:
            htmls.append(markup or (text_to_html(plain) if plain.strip() else ""))
    body.text = "\n".join(text.strip("\n") if len(texts) > 1 else text for text in texts)
    body.html = "\n".join(html for html in htmls if html)


def read_attachments(body: Body) -> list[Attachment]:
    """The files, decoded and hashed. Inline = a picture the HTML shows by its content id."""
    shown_ids = {unquote(found).lower() for found in _CID.findall(body.html)}
    return [_read_file(leaf, number, shown_ids) for number, leaf in enumerate(body.files, 1)]


def _read_file(leaf: Part, number: int, shown_ids: set[str]) -> Attachment:
    content = leaf.decode()
    content_id = leaf.content_id
    return Attachment(
        name=safe_name(leaf.file_name) or _name_of(leaf, content, number),
        content_type=leaf.content_type,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        inline=bool(content_id) and content_id.lower() in shown_ids,
        content_id=content_id,
        content=content,
    )


def _name_of(leaf: Part, content: bytes, number: int) -> str:
    if leaf.content_type in ("message/rfc822", "message/global"):
        headers, _ = split_headers(content, 0, len(content))
        return message_name(headers.text("subject"))
    return invented_name(leaf.content_type, number)
