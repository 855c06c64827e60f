"""A01, A03, A22: mail HTML runs, submits, restyles and loads nothing, and cannot explode."""

import re
import resource
import subprocess
import sys
from html import escape
from html.parser import HTMLParser

import pytest

from helpdesk.lib import html as html_module
from helpdesk.lib.html import (
    INLINE_TAGS,
    clean_mail_html,
    html_to_text,
    markdown_to_html,
    sandbox_document,
    text_to_html,
)
from tests.helpdesk.lib.xss_vectors import CANARY, VECTORS

INLINE_ATTRIBUTES = {"href", "rel", "target", "src", "alt", "width", "height", "colspan", "rowspan", "start"}
LOOKS = """align bgcolor border cellpadding cellspacing class color dir face hspace lang nowrap size style
    type valign vspace"""
FRAME_ATTRIBUTES = INLINE_ATTRIBUTES | set(LOOKS.split())
FRAME_TAGS = INLINE_TAGS | {"center", "font", "big"}
CIDS = {"a": "/anexos/1"}


class Collector(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    handle_startendtag = handle_starttag


def elements_of(html: str) -> list[tuple[str, dict[str, str | None]]]:
    collector = Collector()
    collector.feed(html)
    collector.close()
    return collector.elements


def assert_harmless(html: str, tags: frozenset[str], attributes: set[str]) -> None:
    for tag, found in elements_of(html):
        assert tag in tags, html
        assert set(found) <= attributes, html
        if "href" in found:
            assert re.match(r"(https?://|mailto:|tel:)", found["href"] or ""), html
        if "src" in found:
            assert found["src"] in CIDS.values(), html
        if tag == "a":
            assert found["rel"] == "noopener noreferrer nofollow", html
            assert found["target"] == "_blank", html
        assert not re.search(r"url|expression|\\|//|import|behavior", found.get("style") or ""), html


def test_the_corpus_is_large_and_has_no_repeats():
    assert len(VECTORS) >= 200
    assert len({html for _, html in VECTORS}) == len(VECTORS)


@pytest.mark.parametrize(("family", "html"), VECTORS)
def test_vector_is_harmless_inline(family, html):
    assert_harmless(clean_mail_html(html, cid_urls=CIDS).html, INLINE_TAGS, INLINE_ATTRIBUTES)


def test_vectors_are_harmless_inline_through_the_balancer():
    padding = "<br>" * 601
    for _, html in VECTORS:
        for placed in (padding + html, html + padding):
            assert_harmless(clean_mail_html(placed, cid_urls=CIDS).html, INLINE_TAGS, INLINE_ATTRIBUTES)


def test_vectors_nested_in_each_other_are_harmless():
    for (_, outer), (_, inner) in zip(VECTORS, VECTORS[7:] + VECTORS[:7], strict=True):
        half = len(outer) // 2
        nested = outer[:half] + inner + outer[half:]
        assert_harmless(clean_mail_html(nested, cid_urls=CIDS).html, INLINE_TAGS, INLINE_ATTRIBUTES)


def test_cleaning_twice_changes_nothing():
    for _, html in VECTORS:
        once = clean_mail_html(html).html
        assert elements_of(clean_mail_html(once).html) == elements_of(once)


@pytest.mark.parametrize(("family", "html"), VECTORS)
def test_vector_is_harmless_in_the_frame(family, html):
    document = sandbox_document(html, cid_urls=CIDS)
    head, body = document.split("<body>", 1)
    assert_harmless(body.removesuffix("</body></html>\n"), FRAME_TAGS, FRAME_ATTRIBUTES)
    style = re.search(r"<style>(.*?)</style></head>", head, re.DOTALL)[1]
    assert not re.search(r"<|url|@import|@font|\\|expression|behavior|//", style, re.IGNORECASE)
    assert [tag for tag, _ in elements_of(head)] == ["html", "head", "meta", "meta", "meta", "title", "style"]


@pytest.mark.parametrize(("family", "html"), VECTORS)
def test_vector_as_text_or_markdown_makes_links_at_most(family, html):
    for made in (text_to_html(html), markdown_to_html(html)):
        for tag, attributes in elements_of(made):
            assert tag in {"a", "br", "p", "em", "strong", "code", "pre", "ul", "ol", "li"}, made
            assert set(attributes) <= {"href", "rel", "target", "start"}, made
            if "href" in attributes:
                assert attributes["href"].lower().startswith(("http://", "https://", "mailto:")), made


def test_structure_and_words_survive():
    mail = (
        "<html><head><title>t</title><style>p{color:red}</style></head><body class=x>"
        "<h2 style='color:red'>Olá</h2>"
        "<p>Um <b>dois</b> <i>três</i></p><table width=600><tr><td colspan=2 align=center>A</td></tr></table>"
        "<ul><li>x</li></ul><blockquote type=cite>q</blockquote></body></html>"
    )
    assert clean_mail_html(mail).html == (
        "<div><h2>Olá</h2><p>Um <b>dois</b> <i>três</i></p><table><tbody><tr>"
        '<td colspan="2">A</td></tr></tbody></table>'
        "<ul><li>x</li></ul><blockquote>q</blockquote></div>"
    )


def test_same_mail_through_the_balancer_looks_the_same():
    table = "<table><tbody><tr><td>A</td><td>B</td></tr></tbody></table>"
    block = f"<div><p>Um <b>dois</b></p>{table}<ul><li>x</li></ul></div>"
    assert clean_mail_html(block * 100).html == clean_mail_html(block).html * 100


@pytest.mark.parametrize(
    ("broken", "balanced"),
    [
        ("<p>a<p>b<b>c<p>d</b>e", "<p>a</p><p>b<b>c</b></p><p>de</p>"),
        ("<ul><li>a<li><ul><li>c</ul><li></ul>", "<ul><li>a</li><li><ul><li>c</li></ul></li><li></li></ul>"),
        ("<div>a<!-- </div> -->b</div>c", "<div>ab</div>c"),
        ("a <!-- never closed <p>b</p>", "a  never closed <p>b</p>"),
        ("a < b <3 x", "a &lt; b &lt;3 x"),
        ("<h3 class='x>y' id=\"<b>\">q", "<h3>q</h3>"),
    ],
)
def test_balancer_repairs_broken_markup(broken, balanced):
    many = "<br>" * 700
    assert clean_mail_html(many + broken).html == many + balanced


def test_sections_of_a_page_keep_their_lines_but_not_their_landmarks():
    assert clean_mail_html("<main><header>a</header><footer>b</footer></main>").html == (
        "<div><div>a</div><div>b</div></div>"
    )


def test_pictures_of_the_mail_come_from_us_and_foreign_ones_are_counted():  # A03
    mail = (
        '<img src="cid:a" alt="logo"><img src="CID:%61"><img src="cid:none" alt="lost">'
        '<img src="https://canary.test/1" alt="um"><img src="//canary.test/2"><img src="/\\canary.test/3">'
        '<img src="data:image/png;base64,AAAA"><img src="/local">'
    )
    clean = clean_mail_html(mail, cid_urls=CIDS)
    assert clean.html == (
        '<img src="/anexos/1" alt="logo"><img alt="" src="/anexos/1"><img alt="lost"><img alt="um">'
        '<img alt=""><img alt=""><img alt=""><img alt="">'
    )
    assert clean.remote_images == 3


def test_foreign_pictures_are_kept_only_when_asked():
    mail = '<img src="https://canary.test/1"><img src="//canary.test/2">'
    shown = clean_mail_html(mail, show_remote=True)
    kept = '<img alt="" src="https://canary.test/1"><img alt="" src="https://canary.test/2">'
    assert shown == (kept, 2)
    assert CANARY not in sandbox_document(mail)
    assert "https://canary.test/1" in sandbox_document(mail, show_remote=True)


@pytest.mark.parametrize(
    "value", ["<img>", "<img src=x>", "a>b<img x", "&quot;><img onerror=alert(1)>", "<img "]
)
def test_what_looks_like_a_picture_inside_a_value_stays_as_it_is(value):
    for mail in (
        f'<a href="https://x.example/{value}">z</a>',
        f'<img alt="{value}">',
        f"<p>{escape(value)}</p>",
    ):
        clean = clean_mail_html(mail).html
        assert clean_mail_html(clean).html == clean
        document = HTMLParser()
        found: list[tuple[str, list]] = []
        document.handle_starttag = lambda tag, attrs, found=found: found.append((tag, attrs))
        document.feed(clean)
        assert [tag for tag, _attrs in found] == [re.match(r"<(\w+)", mail)[1]]
        assert {name for _tag, attrs in found for name, _value in attrs} <= {"href", "target", "rel", "alt"}


def test_links_open_outside_and_say_nothing_about_us():
    assert clean_mail_html('<a href="https://x.example/?a=1&amp;b=2" onclick=x class=y>z</a>').html == (
        '<a href="https://x.example/?a=1&amp;b=2" target="_blank" rel="noopener noreferrer nofollow">z</a>'
    )
    for address in ("mailto:a@b.example", "tel:+5511900000001"):
        assert f'href="{address}"' in clean_mail_html(f'<a href="{address}">z</a>').html
    for address in ("/relative", "relative", "//canary.test", "ftp://x.example", "#top", "java:1", "cid:a"):
        assert "href" not in clean_mail_html(f'<a href="{address}">z</a>', cid_urls=CIDS).html


def test_frame_keeps_the_looks_without_what_loads():
    document = sandbox_document(
        "<style><!-- p.MsoNormal{margin:0} .a{background:url(x)} @media x{.b{color:red}.c{src:url(y)}}"
        " .d{color:blue} --></style><!--[if mso]><style>.z{}</style><![endif]-->"
        '<p class=MsoNormal style="color:red;background:url(http://canary.test);margin:0">'
        "<font color=red face=Arial>x</font>",
        title="a<b>",
    )
    assert "p.MsoNormal{margin:0}" in document
    assert ".d{color:blue}" in document
    assert ".z{" not in document
    assert '<p class="MsoNormal" style="color:red; margin:0"><font color="red" face="Arial">x<' in document
    assert CANARY not in document
    assert "<title>a&lt;b&gt;</title>" in document
    assert document.count("{") == document.count("}")


WORST = {
    "open-div": "'<div>'*190_000",
    "open-div-close-p": "'<div>'*90_000+'</p>'*90_000",
    "font-times-p": "'<p>'+''.join(f'<font color={i}>' for i in range(20_000))+'<p>x'*100_000",
    "font-times-p-small": "'<p>'+''.join(f'<font color={i}>' for i in range(290))+'<p>x'*290",
    "less-than": "'<'*990_000",
    "greater-than": "'>'*400_000",
    "lists": "'<ul><li>'*100_000",
    "tables": "'<table><tr><td>'*60_000",
    "comments": "'<!--'*240_000",
    "styles": "'<style>'*140_000",
    "attributes": "'<a '+'b '*490_000",
    "quotes": "'<a x=\"'*160_000",
    "entities": "'&lt;'*240_000",
    "misnested": "'<b>'*16+'<p></b>'*140_000",
    "css-comments": "'<style>'+'/*'*490_000+'</style>'",
    "text": "'http://a.example'+')'*900_000",
    "too-long": "'<b>x'*1_000_000",
}


@pytest.mark.parametrize("name", WORST)
def test_worst_cases_stay_within_the_caps_of_a_killable_child(name):  # A22
    program = (
        "from helpdesk.lib.html import clean_mail_html, sandbox_document, html_to_text, text_to_html\n"
        f"mail = {WORST[name]}\n"
        "out = clean_mail_html(mail).html\n"
        "frame, text, linked = sandbox_document(mail), html_to_text(mail), text_to_html(mail[:200_000])\n"
        "assert max(map(len, (out, frame))) < 30_000_000 and len(text) <= 200_000\n"
    )

    def cap() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20))
        resource.setrlimit(resource.RLIMIT_CPU, (20, 20))

    done = subprocess.run(
        [sys.executable, "-c", program], preexec_fn=cap, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_too_long_html_becomes_text():
    clean = clean_mail_html("<p>Olá &amp; <b>até</b></p><script>x</script>fim" + "<br>" * 250_000)
    assert clean == ("Olá &amp; até<br>\nfim", 0)


def test_html_to_text_gives_a_line_per_block():
    mail = "<style>x</style><p>a &lt;b&gt;</p><div>c<br>d</div><table><tr><td>e<td>f</table>"
    assert html_to_text(mail) == "a <b>\n\nc\nd\n\ne f"


def test_text_to_html_escapes_links_and_breaks():
    assert text_to_html("a <b>\r\n(veja https://x.example/a?b=1&c=(2)).\rfim\0") == (
        'a &lt;b&gt;<br>\n(veja <a href="https://x.example/a?b=1&amp;c=(2)" target="_blank"'
        ' rel="noopener noreferrer nofollow">https://x.example/a?b=1&amp;c=(2)</a>).<br>\nfim'
    )


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("www.x.example.", ["http://www.x.example"]),
        ("HTTPS://X.example/!", ["HTTPS://X.example/"]),
        ("xhttp://x.example", []),
        ("me@www.x.example", []),
        ("http:// www. https://.", []),
        ('"https://x.example"', ["https://x.example"]),
        ("https://a.example,https://b.example", ["https://a.example,https://b.example"]),
        ("https://pt.example/wiki/Olá_(jogo)", ["https://pt.example/wiki/Olá_(jogo)"]),
        ("[https://x.example]", ["https://x.example"]),
    ],
)
def test_text_links(text, links):
    assert [attributes["href"] for _, attributes in elements_of(text_to_html(text))] == links


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**a** *b* `c <d>`", "<p><strong>a</strong> <em>b</em> <code>c &lt;d&gt;</code></p>\n"),
        ("um\ndois", "<p>um<br>\ndois</p>\n"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"),
        ("3. a", '<ol start="3">\n<li>a</li>\n</ol>\n'),
        ("```html\n<b>\n```", "<pre><code>&lt;b&gt;\n</code></pre>\n"),
        ("<b>x</b>", "<p>&lt;b&gt;x&lt;/b&gt;</p>\n"),
        ("# t\n> q\n---", "<p># t<br>\n&gt; q<br>\n---</p>\n"),
        ("\\\\servidor\\pasta nome_do_campo", "<p>\\\\servidor\\pasta nome_do_campo</p>\n"),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>\n"),
        ("&lt; &amp;", "<p>&amp;lt; &amp;amp;</p>\n"),
    ],
)
def test_markdown(text, expected):
    assert markdown_to_html(text) == expected


def test_markdown_links_named_and_bare_addresses_once():
    link = '<a href="{0}" target="_blank" rel="noopener noreferrer nofollow">{1}</a>'
    named = link.format("https://x.example/a", "guia")
    assert markdown_to_html("[guia](https://x.example/a)") == f"<p>{named}</p>\n"
    assert markdown_to_html("veja https://x.example/a.") == (
        f"<p>veja {link.format('https://x.example/a', 'https://x.example/a')}.</p>\n"
    )
    assert markdown_to_html("[www.a.example](https://b.example)") == (
        f"<p>{link.format('https://b.example', 'www.a.example')}</p>\n"
    )


@pytest.mark.parametrize("text", ["[" * 60_000, "*a " * 20_000, "- " * 30_000, "`" * 60_000])
def test_long_markdown_is_shown_as_text(text):
    assert markdown_to_html(text) == text_to_html(text)


def test_nothing_of_the_callers_is_in_a_format_string():
    assert "{body}" in sandbox_document("{body}{style}{title}", title="{body}")
    assert html_module.MAX_HTML_LENGTH == 1_000_000
