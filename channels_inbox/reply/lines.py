"""Decide what one line of a mail is, whether it came from plain text or from HTML."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

#: Zero-width characters, soft hyphens and direction marks: clients put them into attribution lines.
_INVISIBLE = re.compile(r"[\u00ad\u034f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_MARKS = re.compile(r"(?:> ?)+")


@dataclass(slots=True)
class Line:
    """One visible line.

    ``start``/``end`` count characters (plain text) or tokens (HTML). ``depth`` is the quote level,
    ``machine`` is true where only a mail program writes such a quote, ``attribution`` where it marked the
    line as «so-and-so wrote», ``rule`` where a ruler stands directly above, ``head`` where the client's
    own marker of an answered mail does.
    """

    text: str
    start: int
    end: int
    depth: int = 0
    machine: bool = False
    attribution: bool = False
    rule: bool = False
    head: bool = False
    forward: bool = False

    @property
    def blank(self) -> bool:
        return not self.text


def clean_line(text: str) -> str:
    """Return the line without invisible characters, every run of white space one blank."""
    if not text.isascii():
        text = _INVISIBLE.sub("", text)
    return " ".join(text.split())


def strip_marks(text: str) -> tuple[str, int]:
    """Return a cleaned line without its quote marks («> > text»), and how many there were."""
    marks = _MARKS.match(text)
    return (text[marks.end() :], marks[0].count(">")) if marks else (text, 0)


def next_filled(lines: Sequence[Line], at: int) -> int:
    """Return the index of the first line with text from ``at`` on, ``len(lines)`` when there is none."""
    while at < len(lines) and lines[at].blank:
        at += 1
    return at


def end_of_block(lines: Sequence[Line], at: int) -> int:
    """Return the index after the last quoted line of the quote that holds line ``at``."""
    last = at
    while at < len(lines):
        if lines[at].depth:
            last = at
        elif lines[at].text:
            break
        at += 1
    return last + 1
