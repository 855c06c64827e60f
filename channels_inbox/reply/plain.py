"""Decide the plain text of an HTML mail: what a reader sees, line by line."""

from __future__ import annotations

import re

from channels_inbox.reply.outline import BLOCKS, CELLS
from channels_inbox.reply.tokens import Kind, Token, attributes, decode, tokenize

_PARAGRAPHS = frozenset(
    {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "table", "pre", "blockquote"}
)
_ROWS = frozenset({"table", "tbody", "thead", "tfoot", "tr", "caption", "ul", "ol", "li", "pre"})
_LISTS = frozenset({"ul", "ol", "menu", "dir"})
_NO_MARGIN = re.compile(r"class=[\"']?[^\"'>]{0,60}MsoNormal|margin(?:-top)?: ?0", re.IGNORECASE)
_SPACES = re.compile(r"[ \t\r\n\f\u00a0\u2000-\u200a\u202f\u205f\u3000]+")
#: What newsletters use to fill their preview line; U+200D stays, emoji are joined by it.
_FILLERS = dict.fromkeys(
    [0x00AD, 0x034F, 0x061C, 0x180E, 0x200B, 0x200C, 0x200E, 0x200F, 0x2060, 0xFEFF, 0x2007]
)
_BLANKS = re.compile(r"\n{3,}")
_LINK = re.compile(r"(?:https?://|mailto:|tel:)[^\s<>\"]{1,2000}", re.IGNORECASE)
_SCHEME = re.compile(r"^(?:mailto|tel):", re.IGNORECASE)
_SAME = re.compile(r"^(?:https?://|mailto:|tel:)?(?:www\.)?", re.IGNORECASE)
_ITEM = re.compile(r" *- ")
_SPACES_ONLY = re.compile(r"  +")
_AROUND_TAB = re.compile(r" ?\t[ \t]*")
_MAX_INDENT = 8


def html_to_text(html: str) -> str:
    """Return the text of ``html``: blocks and ``br`` break lines, list items begin with «- », table cells are
    parted by a tab, a link shows its address when its words do not. Linear in time, never raises.
    """
    writer = _Writer(html)
    for token in tokenize(html):
        if token.kind is Kind.TEXT:
            writer.text(token)
        elif token.kind is not Kind.HIDDEN:
            writer.tag(token)
    return writer.finish()


class _Writer:
    def __init__(self, html: str) -> None:
        self.html = html
        self.out: list[str] = []
        self.line: list[str] = []
        self.link: tuple[str, int] | None = None  # address and first piece of the open link
        self.lists = self.pre = self.cells = 0  # how many are open
        self.filled = self.tabbed = False  # the line has words; a tab stands at its end
        self.spaced = False  # a hard blank makes an empty paragraph a blank line
        self.soft = False  # a paragraph of a table cell ended: a line break if more follows in the cell
        self.tight = False  # the last paragraph has no margin (Outlook's)
        self.gap = False  # a paragraph ended: a blank line before the next text

    def text(self, token: Token) -> None:
        text = decode(self.html[token.start : token.end]).translate(_FILLERS)
        if text.isspace():
            self.spaced = self.spaced or "\u00a0" in text
        elif text:
            if self.soft:
                self.break_line()
            self.filled, self.tabbed = True, False
        self.line.append(text.replace("\r", "") if self.pre else _SPACES.sub(" ", text))

    def tag(self, token: Token) -> None:
        name = token.name
        if name == "br":
            self.break_line(forced=True)
        elif name == "img":
            self._picture(token)
        elif name == "a":
            self._link(token)
        elif name in CELLS:
            self._cell(opens=token.kind is Kind.START)
        elif name in BLOCKS:
            self._block(token)

    def break_line(self, *, forced: bool = False) -> None:
        text = "".join(self.line)
        spaced = self.spaced and not self.cells
        self.line = []
        self.soft = self.filled = self.tabbed = self.spaced = False
        self.link = None
        text = text.rstrip() if self.pre else _tidy(text)
        if text:
            if self.gap and self.out:
                self.out.append("")
            self.out.append(text)
            self.gap = False
        elif forced or spaced:
            self.out.append("")

    def finish(self) -> str:
        self.break_line()
        return _BLANKS.sub("\n\n", "\n".join(self.out)).strip()

    def _block(self, token: Token) -> None:
        name, opens = token.name, token.kind is not Kind.END
        if self.cells and name not in _ROWS:
            self.soft = self.filled and not self.tabbed
            return
        if not (opens and self.line and self.line[-1].endswith("- ") and len(self.line) == 1):
            self.break_line()  # a block that opens right after a bullet stays on its line
        if not opens and name in _LISTS:
            self.lists = max(0, self.lists - 1)
        if name in _PARAGRAPHS:
            if opens:
                self.tight = name == "p" and bool(_NO_MARGIN.search(self.html, token.start, token.end))
            self.gap = self.gap or not (self.tight or self.lists)
        if name == "pre":
            self.pre = max(0, self.pre + (1 if opens else -1))
        elif opens and name in _LISTS:
            self.lists += 1
        elif opens and name == "li":
            self.line.append("  " * min(max(0, self.lists - 1), _MAX_INDENT) + "- ")

    def _cell(self, *, opens: bool) -> None:
        """Part the cells of a row by a tab; paragraphs break the line only inside one cell."""
        self.cells = max(0, self.cells + (1 if opens else -1))
        self.soft = False
        if opens and self.filled and not self.tabbed:
            self.line.append("\t")
            self.tabbed = True

    def _picture(self, token: Token) -> None:
        """Gmail writes an emoji as a picture; other pictures have no words of the writer."""
        alt = attributes(self.html, token).get("alt", "")
        if 0 < len(alt) <= 12 and any(ord(char) >= 0x2190 for char in alt) and not any(map(str.isalnum, alt)):
            self.line.append(alt)
            self.filled, self.tabbed = True, False

    def _link(self, token: Token) -> None:
        if token.kind is Kind.START:
            href = _LINK.match(attributes(self.html, token).get("href", "").strip())
            self.link = (href[0], len(self.line)) if href else None
        elif token.kind is Kind.END and self.link:
            target, begin = self.link
            self.link = None
            words = "".join(self.line[begin:])
            if words.strip() and _bare(words) != _bare(target):
                self.line.append(f" ({_SCHEME.sub('', target)})")


def _tidy(text: str) -> str:
    """Squeeze the blanks of a line, keeping the indent of a list item."""
    text = text.rstrip()
    item = _ITEM.match(text)
    body = text[item.end() :] if item else text
    squeezed = _AROUND_TAB.sub("\t", _SPACES_ONLY.sub(" ", body)).strip()
    return item[0] + squeezed if item and squeezed else squeezed


def _bare(address: str) -> str:
    return _SAME.sub("", address.strip().rstrip("/")).lower()
