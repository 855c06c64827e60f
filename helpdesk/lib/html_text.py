r"""What typed text becomes in a page or a mail: escaped, linked, and for the composer lightly marked up.

The composer's Markdown knows bold, italic, lists, links, inline code, code blocks and line breaks. HTML in
it is shown as text, pictures and headings are not made, and the result goes through the sanitiser like any
other HTML.
A backslash stays a backslash: people write `\\server\folder` to a help desk.
"""

import re
from collections.abc import Sequence
from functools import cache
from html import escape
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererProtocol
from markdown_it.token import Token

LINK_REL = "noopener noreferrer nofollow"
# Longer text is shown as typed: some Markdown costs the square of its length.
MAX_MARKDOWN_LENGTH = 50_000
_TAGS = {"p", "br", "strong", "em", "ul", "ol", "li", "a", "code", "pre"}
_ADDRESS = re.compile(r"https?://[^\s<>\"'`\x00-\x20]++|www\.[^\s<>\"'`\x00-\x20]++", re.IGNORECASE)
_AFTER_ADDRESS = ".,;:!?*_~…"


def markdown_to_html(text: str) -> str:
    """Render the composer's light Markdown as safe HTML. Bare web addresses become links. Never raises."""
    if len(text) > MAX_MARKDOWN_LENGTH:
        return text_to_html(text)
    return nh3.clean(
        _parser().render(text.replace("\0", ""), {}),
        tags=_TAGS,
        attributes={"*": set(), "a": {"href"}, "ol": {"start"}},
        url_schemes={"http", "https", "mailto", "tel"},
        url_relative="deny",
        link_rel=LINK_REL,
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )


def text_to_html(text: str) -> str:
    """Escape plain text, link its web addresses and keep its line breaks. Linear; never raises."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return link_addresses(plain).replace("\n", "<br>\n")


def link_addresses(text: str) -> str:
    """Escape text and make links of http, https and www addresses, closing punctuation left outside."""
    parts: list[str] = []
    position = 0
    for match in _ADDRESS.finditer(text):
        address = _trim_address(match.group())
        host = address.split("//", 1)[-1].removeprefix("www.")
        glued = match.start() > 0 and (text[match.start() - 1].isalnum() or text[match.start() - 1] in "@/.-")
        if not host[:1].isalnum() or glued:
            continue
        href = address if "//" in address[:8] else f"http://{address}"
        parts.append(escape(text[position : match.start()]))
        parts.append(f'<a href="{escape(href)}" target="_blank" rel="{LINK_REL}">{escape(address)}</a>')
        position = match.start() + len(address)
    parts.append(escape(text[position:]))
    return "".join(parts)


def _trim_address(address: str) -> str:
    surplus = {")": address.count(")") - address.count("("), "]": address.count("]") - address.count("[")}
    end = len(address)
    while end and (address[end - 1] in _AFTER_ADDRESS or surplus.get(address[end - 1], 0) > 0):
        if address[end - 1] in surplus:
            surplus[address[end - 1]] -= 1
        end -= 1
    return address[:end]


@cache
def _parser() -> MarkdownIt:
    """Return the one parser: made once, then only read; what a rendering must remember lies in its own `env`."""
    parser = MarkdownIt("zero", {"html": False, "breaks": True, "linkify": False})
    parser.enable(["emphasis", "link", "backticks", "fence", "list", "newline"])
    parser.add_render_rule("link_open", _open_link)
    parser.add_render_rule("link_close", _close_link)
    parser.add_render_rule("text", _render_text)
    return parser


def _open_link(renderer: RendererProtocol, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    env["in_link"] = True
    return f'<a href="{escape(str(tokens[at].attrGet("href") or ""))}">'


def _close_link(renderer: RendererProtocol, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    env["in_link"] = False
    return "</a>"


def _render_text(renderer: RendererProtocol, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    content = tokens[at].content
    return escape(content) if env.get("in_link") else link_addresses(content)
