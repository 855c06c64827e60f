"""Decides how HTML and flowed text read as plain text: every word once, in linear time (A22, RFC 3676)."""

import html as entities
import re

from channels_inbox.mail import limits
from channels_inbox.mail.charsets import storable

_BREAKING = frozenset(
    "address article aside blockquote br center dd div dl dt fieldset figure footer form h1 h2 h3 h4 h5 h6 header hr"
    " li main nav ol p pre section table title tr ul".split()
)
_DROPPED = {
    "style": re.compile("</style", re.IGNORECASE),
    "script": re.compile("</script", re.IGNORECASE),
    "head": re.compile("</head|<body", re.IGNORECASE),
    "title": re.compile("</title", re.IGNORECASE),
}
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:]{0,30})")
_SPACE = re.compile(r"[ \t\r\n\f\xa0]+")
_MANY_LINES = re.compile(r"\n{3,}")
_LONG_REFERENCE = re.compile(r"&#[xX]?[0-9a-fA-F]{9,}")
_QUOTES = re.compile(r">+")


def html_to_text(markup: str) -> str:
    """Words of `markup`, a line a block; no links, no pictures."""
    out: list[str] = []
    for name, words in _pieces(markup[: limits.HTML_AS_TEXT_CHARS]):
        if name in _BREAKING:
            out.append("\n")
        elif name in ("td", "th"):
            out.append(" ")
        if words:
            out.append(_SPACE.sub(" ", words))
    text = entities.unescape(_LONG_REFERENCE.sub("\ufffd", "".join(out)))
    lines = (line.strip() for line in text.replace("\xa0", " ").split("\n"))
    return storable(_MANY_LINES.sub("\n\n", "\n".join(lines)).strip("\n"))


def _pieces(markup: str) -> "list[tuple[str, str]]":
    """(tag name, words behind the tag) in order; comments, styles and scripts left out."""
    found: list[tuple[str, str]] = []
    at, name = 0, ""
    while True:
        open_at = markup.find("<", at)
        if open_at < 0:
            found.append((name, markup[at:]))
            return found
        found.append((name, markup[at:open_at]))
        if markup.startswith("<!--", open_at):
            at, name = _after(markup, "-->", open_at), ""
            continue
        tag = _TAG.match(markup, open_at)
        if not tag and not markup.startswith(("<!", "<?", "</"), open_at):
            found.append(("", "&lt;"))
            at, name = open_at + 1, ""
            continue
        end = markup.find(">", open_at)
        if end < 0:  # an unclosed tag: browsers drop it, we would rather show the words
            found.append(("", markup[open_at + 1 :]))
            return found
        name, at = (tag.group(2).lower() if tag else ""), end + 1
        if tag and not tag.group(1) and name in _DROPPED:
            closing = _DROPPED[name].search(markup, at)
            at = closing.start() if closing else at


def _after(markup: str, mark: str, at: int) -> int:
    end = markup.find(mark, at)
    return end + len(mark) if end >= 0 else len(markup)


def unflow(text: str, *, delete_space: bool) -> str:
    """Join the soft line breaks of `format=flowed`; quotes and the signature mark stay on lines of their own."""
    out: list[str] = []
    open_depth = -1  # quote depth of a line that wants to be continued
    for line in text.split("\n"):
        quote = _QUOTES.match(line)
        depth = len(quote.group()) if quote else 0
        words = line[depth:]
        if words.startswith(" "):
            words = words[1:]
        if depth == open_depth and words != "-- ":
            out[-1] += words
        else:
            out.append(f"{'>' * depth} {words}" if depth else words)
        soft = words.endswith(" ") and words != "-- "
        open_depth = depth if soft else -1
        if soft and delete_space:
            out[-1] = out[-1][:-1]
    return "\n".join(line.rstrip() if line != "-- " else line for line in out)


def text_to_html(text: str) -> str:
    """Plain text as HTML that shows the same lines."""
    return "<div>" + entities.escape(text, quote=False).replace("\n", "<br>\n") + "</div>"
