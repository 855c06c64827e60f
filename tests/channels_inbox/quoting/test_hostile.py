"""Bombs: bounded by the shape of the algorithm, so each ends well inside the suite's own time limit. # A10"""

from __future__ import annotations

import pytest

from channels_inbox.quoting import html_to_text, visible_reply

ATTRIBUTION = "On Tue, Nov 17, 2026 at 9:41 AM X <x@shop.example> wrote:"

TEXTS = {
    "attribution on one line": f"{ATTRIBUTION} " * 7000,
    "attribution on each line": f"{ATTRIBUTION}\n" * 7000,
    "on and wrote": "On wrote\n" * 45_000,
    "half attributions": "Em 17/11/2026 09:41," + " a" * 200_000 + " escreveu:",
    "quote marks": ">" * 400_000,
    "quote marks on each line": ">\n" * 90_000,
    "answers between": "> a\nb\n" * 45_000,
    "header labels": "De: a@b.example\n" * 25_000,
    "header labels on one line": "De: x Enviado: y Para: z " * 16_000,
    "recipients": "De: a;\n" + "b@c.example;\n" * 30_000,
    "separators": "-----Mensagem original-----\n\n\n\n" * 12_000,
    "rulers": "________________________________\n" * 12_000,
    "address signs": "a@" * 200_000,
    "digits": "1/" * 200_000,
    "blanks": " " * 400_000 + "x",
    "line breaks": "\n" * 90_000,
}
MARKUP = {
    "nested div": "<div>" * 200_000 + "x",
    "nested blockquote": "<blockquote type=cite>" * 90_000 + "x" + "</blockquote>" * 90_000,
    "nested cells": "<td>" * 60_000 + "</table>" * 60_000,
    "tables and divs": "<table><td>" * 30_000 + "</div>" * 60_000,
    "closing tags": "</p>" * 190_000,
    "open tags": "<a " * 130_000,
    "open quotes": "<a ='<a =\"" * 40_000,
    "open comments": "<!--" * 100_000,
    "open scripts": "<script></scrip" * 40_000,
    "one long number": "&#" + "9" * 400_000 + ";",
    "attributes": "<div " + "a " * 200_000 + ">x",
    "classes": "<p class=Mso" + "class=" * 60_000 + ">x",
    "prefixes": '<div class="' + "x_" * 200_000 + '">x',
    "links": "<a href=http://x.example>x" * 40_000,
    "line breaks in pre": "<pre>" + "x\n" * 90_000,
    "attribution lines": "<div class=gmail_attr>Em x escreveu:</div>" * 25_000,
    "angle brackets": "<" * 400_000,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.timeout(20)
def test_text_is_read_in_bounded_time(text: str) -> None:
    visible_reply(text=text, html="")


@pytest.mark.parametrize("html", MARKUP.values(), ids=MARKUP)
@pytest.mark.timeout(20)
def test_html_is_read_in_bounded_time(html: str) -> None:
    visible_reply(text="", html=html)


@pytest.mark.parametrize("size", [1_999_000, 2_100_000])
def test_beyond_the_limit_the_mail_is_whole(size: int) -> None:
    html = "<p>Oi</p>" + "x" * size + '<div class="moz-cite-prefix">Em 17/11/2026 09:41, X escreveu:</div>'
    html += '<blockquote type="cite">velho</blockquote>'
    reply = visible_reply(text="Oi", html=html)
    assert ("velho" in reply.html) is (size > 2_000_000)


def test_letters_that_only_look_like_a_label() -> None:
    # U+017F matches «s» when case is ignored, U+212A matches «k».
    text = "Oi\n\nDe: a <a@b.example>\nſent: 17/11/2026 09:41\nAſſunto: x\nAn\u212a: y"
    assert "Oi" in visible_reply(text=text, html="").text
    assert html_to_text(text)
