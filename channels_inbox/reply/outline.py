"""Decide the lines of an HTML mail as a reader sees them, with what the clients' markup says about each."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from channels_inbox.reply.lines import Line, clean_line, strip_marks
from channels_inbox.reply.tokens import Kind, Token, attributes, decode

_BLOCK_NAMES = (
    "address article aside blockquote body caption center dd details dir div dl dt fieldset figcaption"
    " figure footer form h1 h2 h3 h4 h5 h6 header hr html li main menu nav ol p pre section summary"
    " table tbody tfoot thead tr ul"
)
BLOCKS = frozenset(_BLOCK_NAMES.split())
CELLS = frozenset({"td", "th"})
#: A closing tag reaches no element outside the table cell it stands in.
_SCOPES = frozenset({"td", "th", "caption", "table"})
_MARKED = frozenset({"div", "blockquote", "span", "p", "hr", "table", "section", "td", "pre"})

_QUOTE_CLASS = re.compile(
    r"\b(?:yahoo_quoted|zmail_extra|moz-cite-quote|ms-outlook-mobile-reference-message)\b"
)
_QUOTE_ID = re.compile(
    r"^(?:yahoo_quoted|mail-editor-reference-message-container|olk_src_body_section|blockquote_zmail|isreplycontent)"
)
_REPLY_CLASS = re.compile(r"\b(?:gmail_quote(?:_container)?|protonmail_quote|zmail_extra|tutanota_quote)\b")
_LINE_CLASS = re.compile(r"\b(?:gmail_attr|moz-cite-prefix|hey_quote_header)\b")
_LINE_ID = re.compile(r"^(?:reply-intro|replyintro\d*|reply-intro\d*)")
_HEAD_ID = re.compile(r"^(?:divrp|appendonsend|zwchr|stopspelling|replyblock)")
_HEAD_STYLE = re.compile(r"border-top(?:-style)?: ?(?!none|0)|border-style: ?solid none none")
_FOREIGN_PREFIX = re.compile(r"(?:^|(?<= ))(?:x_)+")
_HEAD_CLASS = re.compile(r"\b(?:outlookmessageheader|ms-outlook-ios-reference-expand)\b")


class Outline(NamedTuple):
    """``partner`` maps the index of a start tag to its end tag's and back, where both exist."""

    lines: list[Line]
    partner: dict[int, int]


class _Frame(NamedTuple):
    name: str
    begin: int
    quote: int = 0
    machine: int = 0
    reply: int = 0
    attribution: int = 0
    forward: int = 0


_UNMARKED = (0, 0, 0, 0, 0)


def read_outline(html: str, tokens: list[Token]) -> Outline:
    """Return the lines (``start``/``end`` are token indexes) and the pairs of tags."""
    reader = _Reader(html)
    for index, token in enumerate(tokens):
        if token.kind is Kind.TEXT:
            reader.text(index, token)
        elif token.kind is Kind.START:
            reader.open(index, token)
        elif token.kind is Kind.END:
            reader.close(index, token)
        elif token.kind is Kind.VOID:
            reader.void(index, token)
    reader.end_line()
    return Outline(reader.lines, reader.partner)


class _Reader:
    """Walks the tokens with an explicit stack: depth of the markup costs memory, never recursion."""

    def __init__(self, html: str) -> None:
        self.html = html
        self.lines: list[Line] = []
        self.partner: dict[int, int] = {}
        self.stack: list[_Frame] = []
        self.open_names: list[Counter[str]] = [Counter()]
        self.scopes: Counter[str] = Counter()
        self.inline: dict[str, list[tuple[int, bool]]] = {}
        self.total = _Frame("", 0)
        self.pieces: list[str] = []
        self.first = self.last = 0
        self.rule = self.head = False

    def text(self, index: int, token: Token) -> None:
        if not self.pieces:
            self.first = index
        self.pieces.append(decode(self.html[token.start : token.end]))
        self.last = index + 1

    def void(self, index: int, token: Token) -> None:
        if token.name == "br":
            self.end_line(keep_blank=index)
        elif token.name == "hr":
            self.end_line()
            self.rule = True
            self.head = self.head or bool(_HEAD_ID.match(self._name_of(token)))

    def open(self, index: int, token: Token) -> None:
        block = token.name in BLOCKS
        if block:
            self.end_line()
        elif token.name in CELLS and self.pieces:
            self.pieces.append(" ")
        frame = _Frame(token.name, index)
        if token.name in _MARKED:
            frame = self._read_marks(frame, token)
        if block or token.name in _SCOPES:
            self._push(frame)
            return
        marked = frame[2:] != _UNMARKED
        self.inline.setdefault(token.name, []).append((index, marked))
        if marked:
            self.end_line()
            self._push(frame)

    def close(self, index: int, token: Token) -> None:
        name = token.name
        if name in BLOCKS:
            self.end_line()
        elif name not in _SCOPES:
            # A closing inline tag closes no block it was opened around.
            opened = self.inline.get(name)
            if not opened:
                return
            begin, marked = opened.pop()
            self._pair(begin, index)
            if not marked:
                return
            self.end_line()
        if (self.scopes if name in _SCOPES else self.open_names[-1])[name]:
            while (frame := self._pop()).name != name:
                pass
            self._pair(frame.begin, index)

    def _pair(self, begin: int, end: int) -> None:
        self.partner[begin] = end
        self.partner[end] = begin

    def end_line(self, *, keep_blank: int | None = None) -> None:
        """Finish the current line; an empty one counts only when a ``br`` made it."""
        text = clean_line("".join(self.pieces)) if self.pieces else ""
        if text:
            self.lines.append(self._line(text))
            self.rule = self.head = False
        elif keep_blank is not None:
            self.lines.append(Line("", keep_blank, keep_blank + 1, self.total.quote))
        self.pieces = []

    def _line(self, text: str) -> Line:
        total = self.total
        # A webmail that shows plain text writes the quote marks out.
        text, marks = strip_marks(text)
        return Line(
            text,
            self.first,
            self.last,
            depth=total.quote + marks,
            machine=total.machine > 0,
            attribution=total.attribution > 0,
            rule=self.rule,
            head=self.head,
            forward=total.forward > 0,
        )

    def _name_of(self, token: Token) -> str:
        return _plain(attributes(self.html, token).get("id", ""))

    def _read_marks(self, frame: _Frame, token: Token) -> _Frame:
        if token.end - token.start < len(token.name) + 5:
            return frame._replace(quote=1) if token.name == "blockquote" else frame
        attrs = attributes(self.html, token)
        ident, cls = _plain(attrs.get("id", "")), _plain(attrs.get("class", ""))
        self._note_head(attrs, ident, cls)
        quoted = bool(_QUOTE_CLASS.search(cls) or _QUOTE_ID.match(ident))
        reply = bool(_REPLY_CLASS.search(cls)) and token.name != "blockquote"
        machine = quoted
        if token.name == "blockquote":
            quoted = True
            cited = attrs.get("type", "").lower() == "cite" or attrs.get("cite", "").lower().startswith(
                "mid:"
            )
            machine = machine or cited or self.total.reply > 0
        return frame._replace(
            quote=int(quoted),
            machine=int(machine),
            reply=int(reply),
            forward=int("moz-forward-container" in cls),
            attribution=int(bool(_LINE_CLASS.search(cls) or _LINE_ID.match(ident))),
        )

    def _note_head(self, attrs: dict[str, str], ident: str, cls: str) -> None:
        style = attrs.get("style", "").lower()
        if (
            _HEAD_ID.match(ident)
            or _HEAD_CLASS.search(cls)
            or "data-marker" in attrs
            or ("border" in style and _HEAD_STYLE.search(style))
        ):
            self.end_line()
            self.head = True

    def _push(self, frame: _Frame) -> None:
        self.stack.append(frame)
        if frame.name in _SCOPES:
            self.scopes[frame.name] += 1
            self.open_names.append(Counter())
        else:
            self.open_names[-1][frame.name] += 1
        self._count(frame, 1)

    def _pop(self) -> _Frame:
        frame = self.stack.pop()
        if frame.name in _SCOPES:
            self.scopes[frame.name] -= 1
            self.open_names.pop()
        else:
            self.open_names[-1][frame.name] -= 1
        self._count(frame, -1)
        return frame

    def _count(self, frame: _Frame, sign: int) -> None:
        if frame[2:] != _UNMARKED:
            total = self.total
            sums = (a + sign * b for a, b in zip(total[2:], frame[2:], strict=True))
            self.total = _Frame("", 0, *sums)


def _plain(value: str) -> str:
    """Return an id or class in lower case without the ``x_`` Outlook on the web puts before foreign ones."""
    return _FOREIGN_PREFIX.sub("", value[:500].lower())
