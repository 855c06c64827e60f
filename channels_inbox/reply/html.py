"""Decide which part of an HTML mail is the quote of an earlier one, from its structure and its lines."""

from __future__ import annotations

import re
from itertools import islice

from channels_inbox.reply.decide import Decision, Found, decide, says_nothing
from channels_inbox.reply.lines import Line, clean_line
from channels_inbox.reply.outline import Outline, read_outline
from channels_inbox.reply.tokens import Kind, Token, attributes, tokenize

#: Beyond these the mail is shown whole: no person writes them, and reading has to stay cheap.
MAX_CHARS = 2_000_000
MAX_TOKENS = 200_000

_BLANK_VOID = frozenset({"br", "hr", "wbr", "col", "link", "meta", "base"})
_SIZE = re.compile(r"\s*(\d+)")


class HtmlReply:
    """One HTML mail: ``lines``, ``decision`` and :meth:`cut`. A mail too big to read decides NOTHING."""

    def __init__(self, html: str) -> None:
        self.html = html
        self.tokens: list[Token] = []
        self.lines: list[Line] = []
        self.decision = Decision(Found.NOTHING)
        if len(html) > MAX_CHARS:
            return
        tokens = list(islice(tokenize(html), MAX_TOKENS + 1))
        if len(tokens) > MAX_TOKENS:
            return
        self.tokens = tokens
        self._outline: Outline = read_outline(html, tokens)
        self.lines = self._outline.lines
        self.decision = self._decide()

    def _decide(self) -> Decision:
        decision = decide(self.lines)
        if decision.found is not Found.CUT:
            return decision
        self._first, self._last = self._span(decision)
        if says_nothing(self.kept_lines(decision)) and not self._keeps_picture():
            return decision._replace(found=Found.MIXED)
        return decision

    def kept_lines(self, decision: Decision) -> list[Line]:
        """Return the lines outside the quote."""
        return self.lines[: decision.start] + self.lines[decision.end :]

    def cut(self) -> str:
        """Return the HTML without the quote; elements that reach over its borders stay closed properly."""
        tokens, html = self.tokens, self.html
        out = [html[: tokens[self._first].start]]
        for index in range(self._first, self._last):
            partner = self._outline.partner.get(index)
            if partner is not None and not self._first <= partner < self._last:
                out.append(html[tokens[index].start : tokens[index].end])
        if self._last < len(tokens):
            out.append(html[tokens[self._last].start :])
        return "".join(out)

    def _span(self, decision: Decision) -> tuple[int, int]:
        """Return the tokens of the quote, widened over the empty markup around it."""
        first = self.lines[decision.start].start
        while first and self._is_filler(self.tokens[first - 1]):
            first -= 1
        if decision.to_end:
            return first, len(self.tokens)
        last = self.lines[decision.end - 1].end
        while last < len(self.tokens) and self._is_filler(self.tokens[last], forward=True):
            last += 1
        return first, last

    def _is_filler(self, token: Token, *, forward: bool = False) -> bool:
        if token.kind is Kind.TEXT:
            return not clean_line(self.html[token.start : token.end].replace("&nbsp;", " "))
        if token.kind is Kind.VOID:
            return token.name in _BLANK_VOID or ":" in token.name
        return not (forward and token.kind is Kind.START)

    def _keeps_picture(self) -> bool:
        """Return whether a picture larger than a tracking dot stands outside the quote."""
        kept = [*range(self._first), *range(self._last, len(self.tokens))]
        return any(
            self.tokens[index].name == "img" and not _is_dot(attributes(self.html, self.tokens[index]))
            for index in kept
        )


def _is_dot(attrs: dict[str, str]) -> bool:
    sizes = [_SIZE.match(attrs.get(name, "")) for name in ("width", "height")]
    return any(size is not None and int(size[1][:6]) <= 2 for size in sizes)
