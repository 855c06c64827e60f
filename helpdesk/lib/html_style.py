"""Which CSS of a mail survives in its sandboxed frame: looks, never anything that loads or escapes (A03).

A declaration or rule that names an address, an import, a font file or a backslash is left out. The answer's
Content-Security-Policy is the second wall; this is the first.
"""

import re

from helpdesk.lib.html_balance import tokens

MAX_STYLE_LENGTH = 200_000
_FORBIDDEN = re.compile(
    r"\\|<|>\s*<|url\s*\(|image-set|cross-fade|image\s*\(|element\s*\(|src\s*\(|@import|@font-face|@charset"
    r"|@namespace|expression|javascript|vbscript|-moz-binding|behavior|filter\s*:\s*progid|attr\s*\(|//",
    re.IGNORECASE,
)


def clean_declarations(style: str) -> str:
    """Return a style attribute without declarations that could load or run anything."""
    kept = [part.strip() for part in _without_comments(style).split(";")]
    return "; ".join(part for part in kept if part and ":" in part and not _FORBIDDEN.search(part))


def collect_styles(html: str) -> str:
    """Return the style sheets of a mail as one, without rules that could load; safe inside `<style>`."""
    sheets: list[str] = []
    tag = ""
    for token in tokens(html):
        if token.kind == "raw" and tag == "style":
            sheets.append(token.value)
        tag = token.value if token.kind == "open" else ""
    sheet = "\n".join(sheets)[:MAX_STYLE_LENGTH].replace("<!--", " ").replace("-->", " ").replace("\0", "")
    return "}".join(_clean_rule(rule) for rule in _without_comments(sheet).split("}"))


def _clean_rule(rule: str) -> str:
    """A rule up to its closing brace. One left out still opens as many braces as it did, around nothing."""
    if not _FORBIDDEN.search(rule):
        return rule
    braces = rule.count("{")
    return "@media not all{" * (braces - 1) + "x{" if braces else ""


def _without_comments(css: str) -> str:
    parts: list[str] = []
    position = 0
    while (start := css.find("/*", position)) >= 0:
        parts.append(css[position:start])
        end = css.find("*/", start + 2)
        if end < 0:
            return " ".join(parts)
        position = end + 2
    parts.append(css[position:])
    return " ".join(parts)
