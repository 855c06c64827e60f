"""Decides how HTML and flowed text read as plain text: every word once, in linear time (A22, RFC 3676)."""

import html as entities
import re

from channels_inbox.mail import limits
from channels_inbox.mail.charsets import storable

_BREAKING = frozenset(
    (
        "address", "article", "aside", "blockquote", "br", "center", "dd", "div", "dl", "dt",
        "fieldset", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr",
        "li", "main", "nav", "ol", "p", "pre", "section", "table", "title", "tr", "ul",
    )
)  # fmt: skip
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


def _pieces(markup: str) -> list[tuple[str, str]]:
    """(tag name, words behind the tag) in order; comments, styles and scripts left out."""
    found: list[tuple[str, str]] = []
    unclosed: set[str] = set()  # looking for an end that is not there again and again would be quadratic
    words_at = at = 0
    name = ""
    while (open_at := markup.find("<", at)) >= 0:
        tag = _TAG.match(markup, open_at)
        if not tag and not markup.startswith(("<!", "<?", "</"), open_at):
            at = open_at + 1  # a less-than sign
            continue
        is_comment = markup.startswith("<!--", open_at)
        end = markup.find("-->" if is_comment else ">", open_at)
        if end < 0:
            if is_comment:
                markup = markup[:open_at]
            break  # an unclosed tag: browsers drop it, we would rather show the words
        found.append((name, markup[words_at:open_at]))
        name = tag.group(2).lower() if tag else ""
        words_at = at = end + (3 if is_comment else 1)
        if tag and not tag.group(1) and name in _DROPPED and name not in unclosed:
            closing = _DROPPED[name].search(markup, at)
            if closing:
                words_at = at = closing.start()
            else:
                unclosed.add(name)
    return [*found, (name, markup[words_at:])]


def unflow(text: str, *, delete_space: bool) -> str:
    """Join the soft line breaks of `format=flowed`; quotes and the signature mark keep their own lines."""
    paragraphs: list[list[str]] = []
    open_depth = -1  # quote depth of a line that wants to be continued
    for line in text.split("\n"):
        quote = _QUOTES.match(line)
        depth = quote.end() if quote else 0
        words = line[depth:]
        if not words.startswith(" >"):  # the blank keeps the author's own sign from looking like a quote
            words = words.removeprefix(" ")
        soft = words.endswith(" ") and words != "-- "
        shown = words[:-1] if soft and delete_space else words
        if depth == open_depth and words != "-- ":
            paragraphs[-1].append(shown)
        else:
            paragraphs.append([f"{'>' * depth} {shown}" if depth else shown])
        open_depth = depth if soft else -1
    lines = ("".join(pieces) for pieces in paragraphs)
    return "\n".join(line if line == "-- " else line.rstrip() for line in lines)


def text_to_html(text: str) -> str:
    """Plain text as HTML that shows the same lines."""
    return "<div>" + entities.escape(text, quote=False).replace("\n", "<br>\n") + "</div>"
