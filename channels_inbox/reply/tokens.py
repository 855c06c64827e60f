"""Decide where tags, text and comments of an HTML mail begin and end, in linear time on any input.

The standard parser takes quadratic time on unclosed comments and tags; mail HTML is written by strangers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import IntEnum
from html import unescape
from typing import NamedTuple


class Kind(IntEnum):
    """What a token is; HIDDEN is everything a reader never sees."""

    TEXT = 0
    START = 1
    END = 2
    VOID = 3
    HIDDEN = 4


class Token(NamedTuple):
    """``html[start:end]``; ``name`` is the lower-case tag name."""

    kind: Kind
    name: str
    start: int
    end: int


_VOID_NAMES = (
    "area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr"
)
_RAW_NAMES = "script style title xmp iframe noembed noframes textarea template"
_VOID_TAGS, _RAW_TAGS = frozenset(_VOID_NAMES.split()), frozenset(_RAW_NAMES.split())
_OPENER = re.compile(r"<(?:[a-zA-Z]|/[a-zA-Z]|[!?]|/)")
_NAME = re.compile(r"[a-zA-Z][^\s/>]{0,80}")
_IN_TAG = re.compile(r""">|=\s*(?:"[^"]*"|'[^']*'|[^\s"'>][^\s>]*)""")
_ATTRIBUTE = re.compile(r"""([^\s=>"'/]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]*)))?""")
_RAW_END = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in _RAW_TAGS}
#: html.unescape() raises on numbers beyond Python's limit of digits.
_HUGE_NUMBER = re.compile(r"&#[xX]?[0-9a-fA-F]{9,};?")
_CONTROLS = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127])


def decode(source: str) -> str:
    """Return text with its entities decoded and without control characters. Never raises."""
    if "&" in source:
        source = unescape(_HUGE_NUMBER.sub("\ufffd", source))
    return source.translate(_CONTROLS)


def attributes(html: str, token: Token) -> dict[str, str]:
    """Return the attributes of a tag, names in lower case; the first of a repeated name counts."""
    found: dict[str, str] = {}
    source = html[token.start + 1 + len(token.name) : token.end - 1]
    for name, double, single, bare in _ATTRIBUTE.findall(source):
        found.setdefault(name.lower(), decode(double or single or bare))
    return found


def tokenize(html: str) -> Iterator[Token]:
    """Yield the tokens in order, without gap or overlap. Text inside ``pre`` comes line by line."""
    return _Scanner(html).run()


class _Scanner:
    def __init__(self, html: str) -> None:
        self.html = html
        self.last_close = html.rfind(">")
        # Looking in vain for the end of a tag may cost three passes in all, never one pass a tag.
        self.budget = 3 * len(html) + 1000
        self.pre = 0

    def run(self) -> Iterator[Token]:
        at, html = 0, self.html
        text_from = 0
        while opener := _OPENER.search(html, at):
            pre = self.pre
            token = self._markup(opener.start())
            if token is None:
                at = opener.end()
                if self.budget < 0:
                    break
                continue
            yield from self._text(text_from, token.start, pre)
            yield token
            at = text_from = token.end
            if token.kind is Kind.START and token.name in _RAW_TAGS:
                at = text_from = self._raw_end(token)
                if at > token.end:
                    visible = token.name in {"textarea", "xmp"}
                    yield Token(Kind.TEXT if visible else Kind.HIDDEN, "", token.end, at)
        yield from self._text(text_from, len(html), self.pre)

    def _text(self, start: int, end: int, pre: int) -> Iterator[Token]:
        if pre:
            while (line := self.html.find("\n", start, end)) >= 0:
                yield Token(Kind.TEXT, "", start, line)
                yield Token(Kind.VOID, "br", line, line + 1)
                start = line + 1
        if start < end:
            yield Token(Kind.TEXT, "", start, end)

    def _markup(self, at: int) -> Token | None:
        html = self.html
        if html.startswith("<!--", at):
            end = html.find("-->", at + 4)
            return Token(Kind.HIDDEN, "", at, end + 3 if end >= 0 else len(html))
        second = html[at + 1]
        closing = second == "/"
        name = _NAME.match(html, at + 1 + closing)
        if name is None:
            end = html.find(">", at)
            return Token(Kind.HIDDEN, "", at, end + 1 if end >= 0 else len(html))
        end = self._tag_end(name.end())
        return self._tag(name[0].lower(), at, end, closing=closing) if end else None

    def _tag(self, name: str, at: int, end: int, *, closing: bool) -> Token:
        if name == "pre":
            self.pre = max(0, self.pre + (-1 if closing else 1))
        if name == "br" or (not closing and name in _VOID_TAGS):
            return Token(Kind.VOID, name, at, end)
        if closing:
            return Token(Kind.END, name, at, end)
        # Word closes its own elements at once: <o:p/>.
        empty = ":" in name and self.html[end - 2] == "/"
        return Token(Kind.VOID if empty else Kind.START, name, at, end)

    def _tag_end(self, at: int) -> int:
        if at > self.last_close:
            return 0
        begin = at
        while found := _IN_TAG.search(self.html, at):
            at = found.end()
            if self.html[found.start()] == ">":
                return at
        self.budget -= len(self.html) - begin
        return 0

    def _raw_end(self, token: Token) -> int:
        found = _RAW_END[token.name].search(self.html, token.end)
        return found.start() if found else len(self.html)
