"""Decide which lines of a plain-text mail are the quote of an earlier one."""

from __future__ import annotations

from channels_inbox.reply.decide import Decision, Found, decide, says_nothing
from channels_inbox.reply.lines import Line, clean_line, strip_marks

#: Longer lines are nobody's attribution; reading their start is enough.
_READ = 3000
#: A longer mail is shown whole.
MAX_CHARS, MAX_LINES = 2_000_000, 100_000


def read_text(text: str) -> list[Line]:
    """Return the lines of ``text``; ``start`` and ``end`` are offsets, quote marks become ``depth``."""
    lines = []
    start = 0
    for raw in text.split("\n"):
        end = start + len(raw)
        # Deeper indented, it is no quote mark.
        depth, shown = 0, clean_line(raw[:_READ])
        if ">" in raw[:4]:
            shown, depth = strip_marks(shown)
        lines.append(Line(shown, start, end, depth))
        start = end + 1
    return lines


def decide_text(text: str) -> tuple[list[Line], Decision]:
    """Return the lines and the decision; a cut that would leave nothing new becomes MIXED."""
    if len(text) > MAX_CHARS or text.count("\n") > MAX_LINES:
        return [], Decision(Found.NOTHING)
    lines = read_text(text)
    decision = decide(lines)
    if decision.found is Found.CUT and says_nothing(kept_lines(lines, decision)):
        decision = decision._replace(found=Found.MIXED)
    return lines, decision


def kept_lines(lines: list[Line], decision: Decision) -> list[Line]:
    """Return the lines outside the quote."""
    return lines[: decision.start] + lines[decision.end :]


def cut_text(text: str, lines: list[Line], decision: Decision) -> str:
    """Return ``text`` without the quote, the customer's own lines byte for byte."""
    above = text[: lines[decision.start].start].strip()
    below = text[lines[decision.end].start :].strip() if decision.end < len(lines) else ""
    return f"{above}\n\n{below}" if above and below else above or below
