"""Decides who wrote and who was written to: mailboxes of From, To, Cc, Reply-To (RFC 5322 3.4).

Structure is read first and encoded words afterwards, so an encoded name cannot add a recipient (A18).
"""

import re
import unicodedata
from typing import NamedTuple

from channels_inbox.mail import limits
from channels_inbox.mail.charsets import one_line
from channels_inbox.mail.headers import ENCODED_WORD, Headers, decode_words

_TOKEN = re.compile(ENCODED_WORD.pattern + r'|\\.|["()<>,;:]|[^\\"()<>,;:=]+|=|\\', re.DOTALL)
_LOCAL = r"[^\s<>(),;:\\\"@\[\]]+"
_ADDRESS = re.compile(rf"{_LOCAL}@[^\s<>(),;:\\\"@\[\]/]+")
_QUOTED_LOCAL = re.compile(r'"([^"\\\s@<>(),;:\[\]]+)"@')
_UNESCAPE = re.compile(r"\\(.)")


class Mailbox(NamedTuple):
    """A person of a header field; equal to the tuple (name, address)."""

    name: str
    address: str


class _Draft:
    """One mailbox while its tokens are read."""

    __slots__ = ("angle", "comment", "has_angle", "words")

    def __init__(self) -> None:
        self.words: list[str] = []
        self.angle: list[str] = []
        self.comment: list[str] = []
        self.has_angle = False


def parse_mailboxes(text: str, *, most: int = limits.MAILBOXES) -> list[Mailbox]:
    """Mailboxes of one field on one line, encoded words not yet decoded; what is no address is left out."""
    return [box for box in _parse(text, most=most) if box.address]


def parse_one(text: str) -> Mailbox:
    """First mailbox of a From-like field; with address '' and the text as name when there is none."""
    boxes = _parse(text, most=20)
    for box in boxes:
        if box.address:
            return box
    decoded = decode_words(text)
    if decoded != text:
        for box in _parse(decoded, most=20):  # some mailers encode the whole field, address included
            if box.address:
                return box
    name = boxes[0].name if boxes else decoded
    return Mailbox(clean_name(name or decoded), "")


def field_mailboxes(headers: Headers, name: str) -> list[Mailbox]:
    """Mailboxes of all fields of that name, at most `limits.MAILBOXES`."""
    found: list[Mailbox] = []
    for text in headers.literals(name):
        found += parse_mailboxes(text, most=limits.MAILBOXES - len(found))
        if len(found) >= limits.MAILBOXES:
            break
    return found


def valid_address(text: str) -> str:
    """The address in `text` in its normal form (domain in lower case), or ''."""
    text = text.strip(" \t<>'`")
    if text[:7].lower() == "mailto:":
        text = text[7:]
    text = _QUOTED_LOCAL.sub(r"\1@", text, count=1)
    if len(text) > limits.ADDRESS_CHARS or not text.isprintable() or not _ADDRESS.fullmatch(text):
        return ""
    local, _, domain = text.rpartition("@")
    domain = domain.strip(".").lower()
    return unicodedata.normalize("NFC", f"{local}@{domain}") if domain else ""


def clean_name(text: str) -> str:
    """A person's name for show: decoded, one line, no quotes around it, bounded."""
    text = one_line(decode_words(text))
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1].strip()
    return text[: limits.NAME_CHARS].rstrip()


def _parse(text: str, *, most: int) -> list[Mailbox]:
    found: list[Mailbox] = []
    pending = ""  # a name split by its own comma: `Silva, João <joao@...>`
    for draft in _drafts(text):
        box = _finish(draft)
        if not box.address and not draft.has_angle:
            pending = f"{pending}, {box.name}" if pending else box.name
            continue
        if pending and draft.has_angle and box.name:
            box = Mailbox(clean_name(f"{pending}, {box.name}"), box.address)
        pending = ""
        found.append(box)
        if len(found) >= most:
            return found
    if pending and not found:
        found.append(Mailbox(clean_name(pending[: limits.NAME_CHARS * 4]), ""))
    return found


def _drafts(text: str) -> list[_Draft]:
    """Cut at commas outside quotes, comments and angles; an unclosed quote or comment is a letter."""
    quotes, comments = text.count('"') - text.count('\\"'), True
    while True:
        drafts, state = _read_tokens(text, quotes=quotes > 1, comments=comments)
        if state == "quote" and quotes > 1:
            quotes = 0
        elif state == "comment" and comments:
            comments = False
        else:
            return drafts


def _read_tokens(text: str, *, quotes: bool, comments: bool) -> tuple[list[_Draft], str]:
    draft = _Draft()
    drafts = [draft]
    quoted = angled = False
    groups = ";" in text
    depth = 0
    for token in _TOKEN.findall(text):
        if quoted:
            if token == '"':
                quoted = False
            (draft.angle if angled else draft.words).append(token)
        elif depth:
            depth += (token == "(") - (token == ")")
            if depth:
                draft.comment.append(token)
        elif token == '"' and quotes:
            quoted = True
            (draft.angle if angled else draft.words).append(token)
        elif token == "(" and comments:
            depth = 1
        elif token == "<":
            draft.angle, draft.has_angle, angled = [], True, True
        elif token == ">":
            angled = False
        elif token in (",", ";"):
            draft, angled = _Draft(), False
            drafts.append(draft)
        elif token == ":" and groups and not angled and not any("@" in word for word in draft.words):
            draft.words = []  # the name of a group
        else:
            (draft.angle if angled else draft.words).append(token)
    return drafts, "quote" if quoted else "comment" if depth else ""


def _finish(draft: _Draft) -> Mailbox:
    words = "".join(draft.words).strip()
    if draft.has_angle:
        inside = "".join(draft.angle)
        address = valid_address(inside) or valid_address(inside.rpartition(":")[2].replace(" ", ""))
        return Mailbox(clean_name(_unquote(words)), address)
    address = valid_address(words)
    if not address:
        address = next((one for one in map(valid_address, words.split()[:50]) if one), "")
        name = "" if address else _unquote(words)
    else:
        name = "".join(draft.comment)
    return Mailbox(clean_name(name), address)


def _unquote(text: str) -> str:
    if '"' not in text and "\\" not in text:
        return text
    return _UNESCAPE.sub(r"\1", re.sub(r'(?<!\\)"', "", text))
