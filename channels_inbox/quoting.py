"""Decide which words of a mail are the customer's new ones, and cut the quotes of earlier mail off.

Losing a word of the customer is worse than showing a quote: what is not clearly a quote stays.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from channels_inbox.reply.decide import Decision, Found, points_into_quote
from channels_inbox.reply.html import HtmlReply
from channels_inbox.reply.plain import html_to_text
from channels_inbox.reply.text import cut_text, decide_text

__all__ = ["VisibleReply", "html_to_text", "visible_reply"]

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class VisibleReply:
    """``html`` is not sanitised, and empty when the mail has none; ``quote_removed`` counts either part."""

    text: str
    html: str
    quote_removed: bool


def visible_reply(*, text: str, html: str, is_forward: bool = False) -> VisibleReply:
    """Return the new words of a mail from its plain text and its HTML; either may be empty.

    ``is_forward`` (the subject says so) keeps everything, as do a forward block in the body, answers between
    or below the quotes, words that point into the quote, and a cut that would leave nothing.
    Linear in time; never raises. Source: rules of the e-mail channel.
    """
    if not text.strip():
        text = ""
    if is_forward or not (text or html):
        return _whole(text, html)
    lines, by_text = decide_text(text)
    reply = HtmlReply(html)
    if _must_stay_whole(by_text, reply.decision):
        return _whole(text, html)
    cuts_text, cuts_html = by_text.found is Found.CUT, reply.decision.found is Found.CUT
    new_text = cut_text(text, lines, by_text) if cuts_text else text
    new_html = reply.cut() if cuts_html else html
    if not text or (cuts_html and not cuts_text and _has_all_words(html_to_text(html), text)):
        new_text = html_to_text(new_html)
    if (cuts_text or cuts_html) and points_into_quote(new_text):
        return _whole(text, html)
    return VisibleReply(new_text, new_html, cuts_text or cuts_html)


def _whole(text: str, html: str) -> VisibleReply:
    return VisibleReply(text or html_to_text(html), html, quote_removed=False)


def _must_stay_whole(by_text: Decision, by_html: Decision) -> bool:
    """Return whether one part shows a forward, or answers which the other part's cut would take."""
    found = {by_text.found, by_html.found}
    if Found.FORWARD in found or by_text.found is Found.MIXED:
        return True
    return by_html.found is Found.MIXED and (by_text.found is not Found.CUT or by_text.to_end)


def _has_all_words(whole: str, part: str) -> bool:
    """Return whether ``whole`` has every word of ``part`` at least as often."""
    return not Counter(_WORD.findall(part)) - Counter(_WORD.findall(whole))
