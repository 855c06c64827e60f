"""Rewrites stranger's HTML as shallow, balanced tags, so that a real parser cannot be made to explode on it.

An HTML5 parser repairs broken nesting by copying: 24 KB of unclosed `<font>` and `<p>` become half a
gigabyte of nodes, and 200,000 open `<div>` make every further tag walk the whole stack (A22). The output
here is bounded by the input: at most `MAX_DEPTH` open elements and `MAX_FORMATTING` open `<b>`, `<font>`,
`<a>` …; what is too deep loses the tag and keeps its text. It decides nothing about safety: the sanitiser
reads the output, never the input.
"""

import re
from collections import Counter
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple

MAX_DEPTH = 120
MAX_FORMATTING = 16
MAX_ATTRIBUTES = 30

VOID = frozenset({"br", "hr", "img", "col", "wbr"})
_NAMES = "a b big code em font i nobr s small strike strong tt u"
FORMATTING = frozenset(_NAMES.split())
_RAW_TEXT = frozenset({"script", "style", "title", "xmp", "iframe", "noembed", "noframes", "textarea"})
_CELLS = frozenset({"td", "th", "caption"})
_SECTIONS = frozenset({"tbody", "thead", "tfoot", "colgroup"})
_SCOPE = _CELLS | {"table"}
_BLOCKS = "address blockquote center dd div dl dt h1 h2 h3 h4 h5 h6 hr li ol p pre table ul"
_CLOSES_P = frozenset(_BLOCKS.split())
_NOT_CROSSED = _CLOSES_P | _SCOPE
# opening tag → (elements it closes, elements the search for them stops at)
_IMPLIED_END: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "li": (frozenset({"li"}), _NOT_CROSSED - {"div", "p", "address", "li"}),
    "dt": (frozenset({"dt", "dd"}), _NOT_CROSSED - {"div", "p", "address", "dt", "dd"}),
    "dd": (frozenset({"dt", "dd"}), _NOT_CROSSED - {"div", "p", "address", "dt", "dd"}),
    "tr": (frozenset({"tr"}), frozenset({"table"})),
    "a": (frozenset({"a"}), _SCOPE),
} | {name: (_CELLS, frozenset({"table"})) for name in _CELLS} | {
    name: (_SECTIONS | {"caption"}, frozenset({"table"})) for name in _SECTIONS
}
_TABLE_PARTS = _CELLS | _SECTIONS | {"tr"}

_MARKUP = re.compile(r"<(?=[a-zA-Z/!?])")
_NAME = re.compile(r"</?([a-zA-Z][a-zA-Z0-9:._-]{0,40})")
_ATTRIBUTE = re.compile(
    r"""[\s/]*+(?:([^\s/>=]++)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s>"'][^\s>]*+)|["']))?|=)"""
)
_TAG_END = re.compile(r"[\s/]*+>?")


class Token(NamedTuple):
    """`kind` is text, open, close or raw (the content of style, script …, right after their tag).

    `value` is the text as written or the lower-case tag name.
    """

    kind: str
    value: str
    attributes: tuple[tuple[str, str], ...] = ()


def rebalance(html: str, *, tags: frozenset[str]) -> str:
    """Return `html` with only `tags`, quoted attributes and every element closed. Linear in its length."""
    writer = _Writer(tags)
    for token in tokens(html):
        if token.kind == "text":
            writer.parts.append(token.value.replace("<", "&lt;"))
        elif token.kind == "open":
            writer.open(token.value, token.attributes)
        elif token.kind == "close":
            writer.close(token.value)
    writer.pop_to(0)
    return "".join(writer.parts)


def text_of(html: str) -> str:
    """Return the plain text, a line for each block, without style and script. Linear in its length."""
    parts: list[str] = []
    for token in tokens(html):
        if token.kind == "text":
            parts.append(unescape(re.sub(r"\s+", " ", token.value)))
        elif token.kind == "raw":
            continue
        elif token.value in _CLOSES_P or token.value in ("br", "tr"):
            parts.append("\n")
        elif token.value in _CELLS:
            parts.append(" ")
    lines = (" ".join(line.split()) for line in "".join(parts).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def tokens(html: str) -> Iterator[Token]:
    """Cut HTML into text and tags; comments and declarations are left out. Linear in its length."""
    position, end = 0, len(html)
    last_comment_end = html.rfind("-->")
    unclosed: set[str] = set()
    while position < end:
        markup = _MARKUP.search(html, position)
        if not markup:
            yield Token("text", html[position:])
            return
        start = markup.start()
        if start > position:
            yield Token("text", html[position:start])
        name = _NAME.match(html, start)
        if not name:
            position = _skip_markup(html, start, last_comment_end)
            continue
        tag = name[1].lower()
        attributes, position = _read_attributes(html, name.end())
        if html[start + 1] == "/":
            yield Token("close", tag)
            continue
        yield Token("open", tag, attributes)
        if tag in _RAW_TEXT and tag not in unclosed:
            content_end = _find_raw_end(html, tag, position)
            if content_end < 0:
                unclosed.add(tag)  # never searched for again: a search to the end per tag would be quadratic
            else:
                yield Token("text" if tag == "textarea" else "raw", html[position:content_end])
                position = content_end


def _find_raw_end(html: str, tag: str, position: int) -> int:
    found = re.compile(rf"</{tag}(?=[\s/>])", re.IGNORECASE).search(html, position)
    return found.start() if found else -1


def _skip_markup(html: str, start: int, last_comment_end: int) -> int:
    """Position after the comment or declaration at `start`."""
    if html.startswith("<!--", start):
        if last_comment_end < start + 2:  # never closed: then it hides nothing, no word may be lost
            return start + 4
        return html.find("-->", start + 2) + 3
    end = html.find(">", start)
    return end + 1 if end >= 0 else len(html)


def _read_attributes(html: str, position: int) -> tuple[tuple[tuple[str, str], ...], int]:
    """Attributes as written (entities untouched, first of a name wins) and the position after `>`."""
    found: dict[str, str] = {}
    while True:
        ending = _TAG_END.match(html, position)
        if ending and (ending.group().endswith(">") or ending.end() == len(html)):
            return tuple(found.items()), ending.end()
        attribute = _ATTRIBUTE.match(html, position)
        if not attribute:
            return tuple(found.items()), position + 1
        position = attribute.end()
        if attribute[1] and len(found) < MAX_ATTRIBUTES:
            value = attribute[2] or attribute[3] or attribute[4] or ""
            found.setdefault(attribute[1].lower(), value)


class _Writer:
    """Keeps the stack of open elements and writes tags that are always balanced."""

    def __init__(self, tags: frozenset[str]) -> None:
        self.tags = tags
        self.parts: list[str] = []
        self.stack: list[str] = []
        self.opened: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.formatting = 0

    def open(self, name: str, attributes: tuple[tuple[str, str], ...]) -> None:
        if name not in self.tags:
            return
        if name in _CLOSES_P and self.opened["p"]:
            self._close_nearest(frozenset({"p"}), _SCOPE)
        if name in _IMPLIED_END:
            self._close_nearest(*_IMPLIED_END[name])
        if name not in VOID:
            too_deep = len(self.stack) >= MAX_DEPTH
            if too_deep or (name in FORMATTING and self.formatting >= MAX_FORMATTING):
                self.skipped[name] += 1
                return
            self.stack.append(name)
            self.opened[name] += 1
            self.formatting += name in FORMATTING
        # Formatting with different attributes is what a parser copies without limit.
        keeps = name not in FORMATTING or name in ("a", "font")
        written = "".join(_write_attribute(*pair) for pair in attributes) if keeps else ""
        self.parts.append(f"<{name}{written}>")

    def close(self, name: str) -> None:
        if name in ("br", "p") and name in self.tags and not self.opened[name]:
            self.parts.append("<br>")
        elif self.skipped[name]:
            self.skipped[name] -= 1
        elif self.opened[name]:
            stops = frozenset({"table"}) if name in _TABLE_PARTS else _SCOPE
            self._close_nearest(frozenset({name}), stops if name != "table" else frozenset())

    def pop_to(self, height: int) -> None:
        while len(self.stack) > height:
            name = self.stack.pop()
            self.opened[name] -= 1
            self.formatting -= name in FORMATTING
            self.parts.append(f"</{name}>")

    def _close_nearest(self, names: frozenset[str], stops: frozenset[str]) -> None:
        if not any(self.opened[name] for name in names):
            return
        for height in range(len(self.stack) - 1, -1, -1):
            name = self.stack[height]
            if name in names:
                self.pop_to(height)
                return
            if name in stops:
                return


def _write_attribute(name: str, value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9:_-]{0,40}", name):
        return ""
    escaped = value.replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
    return f' {name}="{escaped}"'
