"""What a stranger's HTML and text become before a browser of ours shows them (A01, A03, A22).

Inline in our pages: structure only (`clean_mail_html`), so that a mail runs, submits, restyles and loads
nothing and carries no class, id or data attribute that our scripts answer to. The whole mail with its looks
is a document of its own (`sandbox_document`) for a sandboxed frame; the view adds the headers, which are
the second wall. The sanitiser is nh3; larger input is balanced first, because the parser inside can be made
to explode.
"""

import re
from collections.abc import Callable, Mapping
from html import escape
from typing import NamedTuple
from urllib.parse import unquote

import nh3

from helpdesk.lib.html_balance import rebalance, text_of
from helpdesk.lib.html_style import clean_declarations, collect_styles
from helpdesk.lib.html_text import LINK_REL, markdown_to_html, text_to_html

__all__ = [
    "CleanHtml",
    "clean_mail_html",
    "html_to_text",
    "markdown_to_html",
    "sandbox_document",
    "text_to_html",
]

MAX_HTML_LENGTH = 1_000_000
MAX_TEXT_LENGTH = 200_000
# Up to here not even the worst nesting costs more than some megabytes.
MAX_UNBALANCED_TAGS = 600

_INLINE = """
    a abbr b blockquote br caption cite code col colgroup dd del dfn div dl dt em h1 h2 h3 h4 h5 h6 hr i img
    ins kbd li mark ol p pre q s samp small span strike strong sub sup table tbody td tfoot th thead tr tt u
    ul var wbr
"""
_DROPPED = """
    applet audio canvas datalist embed frameset iframe map math noembed noframes noscript object script
    select style svg template title video xmp
"""
_LOOKS = "align bgcolor class color dir height lang style valign width"
INLINE_TAGS = frozenset(_INLINE.split())
DROPPED_WITH_CONTENT = frozenset(_DROPPED.split())
_INLINE_ATTRIBUTES: dict[str, set[str]] = {
    "*": set(),  # without this line nh3 keeps title and lang
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
    "ol": {"start"},
}
_FRAME_TAGS = INLINE_TAGS | {"center", "font", "big"}
_FRAME_ATTRIBUTES: dict[str, set[str]] = {
    "*": set(_LOOKS.split()),
    "a": {"href"},
    "img": {"src", "alt", "border", "hspace", "vspace"},
    "table": {"border", "cellpadding", "cellspacing"},
    "td": {"colspan", "rowspan", "nowrap"},
    "th": {"colspan", "rowspan", "nowrap"},
    "ol": {"start", "type"},
    "ul": {"type"},
    "font": {"face", "size"},
}
_NUMBERS = frozenset({"colspan", "rowspan", "start"})
_URL_SCHEMES = {"http", "https", "mailto", "tel", "cid"}
_LINK_PREFIXES = ("http://", "https://", "mailto:", "tel:")
# Shown as <div>: their text must not run together, but landmarks belong to our page.
_LANDMARKS = re.compile(
    r"<(/?)(?:article|aside|body|details|fieldset|figcaption|figure|footer|form|header|main|nav|section|summary)"
    r"(?=[\s/>])",
    re.IGNORECASE,
)
# As nh3 writes it: values in double quotes, no bare `<` in text; a tag is taken whole, so no value is taken for one.
_TAG = re.compile(r'<[^>"]*(?:"[^"]*"[^>"]*)*>')
_ATTRIBUTE = re.compile(r' ([a-z]+)="[^"]*"')
_DOCUMENT = (
    '<!doctype html>\n<html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '<meta name="referrer" content="no-referrer"><title>{title}</title><style>{style}</style></head>'
    "<body>{body}</body></html>\n"
)


class CleanHtml(NamedTuple):
    """Safe markup, and how many images of foreign hosts the original holds (shown or not)."""

    html: str
    remote_images: int


def clean_mail_html(
    html: str, *, cid_urls: Mapping[str, str] | None = None, show_remote: bool = False
) -> CleanHtml:
    """Sanitise mail HTML for our own pages.

    `cid_urls` maps Content-IDs (without angle brackets) to addresses of ours; other pictures of the mail
    lose their source and keep their alternative text. Remote pictures are counted, and kept only with
    `show_remote`.
    More than 1,000,000 characters come back as plain text.
    """
    if len(html) > MAX_HTML_LENGTH:
        return CleanHtml(text_to_html(html_to_text(html)), 0)
    images = _Images(cid_urls or {}, show_remote)
    return CleanHtml(_clean(html, images, INLINE_TAGS, _INLINE_ATTRIBUTES), images.remote)


def sandbox_document(
    html: str, *, cid_urls: Mapping[str, str] | None = None, show_remote: bool = False, title: str = ""
) -> str:
    """Return the whole mail as a document of its own, looks included, for a sandboxed frame.

    Style sheets and style attributes stay without anything that could load (`url()`, `@import`, escapes).
    The view must answer with `Content-Security-Policy: sandbox …; default-src 'none'; …`.
    """
    if len(html) > MAX_HTML_LENGTH:
        body, style = text_to_html(html_to_text(html)), ""
    else:
        images = _Images(cid_urls or {}, show_remote)
        body, style = _clean(html, images, _FRAME_TAGS, _FRAME_ATTRIBUTES), collect_styles(html)
    return _DOCUMENT.format(title=escape(title), style=style, body=body)


def html_to_text(html: str) -> str:
    """Plain text of the first 1,000,000 characters of any HTML, at most 200,000; linear, never raises."""
    return text_of(html[:MAX_HTML_LENGTH])[:MAX_TEXT_LENGTH]


class _Images:
    """Decides where a picture comes from, and counts the ones of foreign hosts."""

    def __init__(self, cid_urls: Mapping[str, str], show_remote: bool) -> None:
        self.cid_urls = cid_urls
        self.show_remote = show_remote
        self.remote = 0

    def source(self, value: str) -> str | None:
        source = re.sub(r"[\t\n\r]", "", value).strip()
        lowered = source.lower()
        if lowered.startswith("cid:"):
            name = unquote(source[4:]).strip().strip("<>")
            return self.cid_urls.get(name)
        # Browsers read backslashes as slashes: `/\host` is a foreign host too.
        slashed = lowered.replace("\\", "/")
        if not slashed.startswith(("http://", "https://", "//")):
            return None
        self.remote += 1
        if not self.show_remote:
            return None
        return source if slashed.startswith("http") else "https:" + source.replace("\\", "/")


def _clean(html: str, images: _Images, tags: frozenset[str], attributes: dict[str, set[str]]) -> str:
    source = _LANDMARKS.sub(r"<\1div", html.replace("\0", ""))
    if source.count("<") > MAX_UNBALANCED_TAGS:
        source = rebalance(source, tags=tags)
    cleaned = nh3.clean(
        source,
        tags=set(tags),
        clean_content_tags=set(DROPPED_WITH_CONTENT),
        attributes=attributes,
        attribute_filter=_attribute_filter(images),
        url_schemes=_URL_SCHEMES,
        url_relative="pass_through",  # the filter decides: `cid:` becomes an address of ours, the rest goes
        link_rel=LINK_REL,
        set_tag_attribute_values={"a": {"target": "_blank"}},
        strip_comments=True,
    )
    return _TAG.sub(_with_alternative, cleaned) if "<img" in cleaned else cleaned


def _with_alternative(tag: re.Match[str]) -> str:
    """Give a picture without alternative text an empty one: a reader skips it instead of spelling out nothing."""
    whole = tag[0]
    if not whole.startswith(("<img>", "<img ")) or "alt" in _ATTRIBUTE.findall(whole):
        return whole
    return '<img alt=""' + whole[4:]


def _attribute_filter(images: _Images) -> Callable[[str, str, str], str | None]:
    def decide(tag: str, attribute: str, value: str) -> str | None:
        if attribute == "src":
            return images.source(value)
        if attribute == "href":
            address = re.sub(r"[\t\n\r]", "", value).strip()
            return address if address.lower().startswith(_LINK_PREFIXES) else None
        if attribute == "style":
            return clean_declarations(value) or None
        if attribute in _NUMBERS:
            return value if re.fullmatch(r"[0-9]{1,3}", value) else None
        if attribute in ("width", "height"):
            return value if re.fullmatch(r"[0-9]{1,4}(?:px|%)?", value) else None
        return value

    return decide
