"""What must hold for every mail: no new word is lost, nothing raises, a second reading changes nothing."""

from __future__ import annotations

import re
from html import escape

from hypothesis import given, settings
from hypothesis import strategies as st

from channels_inbox.quoting import html_to_text, visible_reply
from tests.channels_inbox.quoting.cases import read_cases

ATTRIBUTIONS = [case.body for case in read_cases("attributions.txt")]
HEADERS = [
    case.body.removeprefix(case.keeps).strip()
    for case in read_cases("text_cut.txt")
    if case.body.startswith(case.keeps) and ("Assunto" in case.body or "Subject" in case.body)
]
VOCABULARY = (
    "Olá bom dia pedido 4521 > De: Para: Em 17/11 escreveu: wrote: On às 09:41 <x@y.example> não chegou"
    " R$ 10,00 obrigada - -- * Assunto: Data: 👍 a abaixo sim"
)
WORDS = st.sampled_from(VOCABULARY.split())
LINES = st.lists(WORDS, min_size=0, max_size=8).map(" ".join)
NEW = st.lists(LINES, min_size=1, max_size=8).map("\n".join)
QUOTE = st.lists(st.sampled_from(["Qual o pedido?", "", "Obrigado,", "Equipe"]), min_size=1, max_size=5)


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def starts_with(whole: list[str], part: list[str]) -> bool:
    return whole[: len(part)] == part


@given(new=NEW, attribution=st.sampled_from(ATTRIBUTIONS), quote=QUOTE)
@settings(max_examples=200, deadline=None)
def test_every_new_word_above_a_quote_survives(new: str, attribution: str, quote: list[str]) -> None:
    quoted = "\n".join(f"> {line}" for line in quote)
    reply = visible_reply(text=f"{new}\n\n{attribution}\n\n{quoted}\n", html="")
    kept = words(reply.text)
    assert starts_with(kept, words(new))


@given(attribution=st.sampled_from(ATTRIBUTIONS), quote=QUOTE)
@settings(max_examples=200, deadline=None)
def test_plain_words_above_a_quote_are_all_that_is_left(attribution: str, quote: list[str]) -> None:
    quoted = "\n".join(f"> {line}" for line in ["Olá", *quote])
    assert visible_reply(text=f"Chegou hoje.\n\n{attribution}\n{quoted}", html="").text == "Chegou hoje."


@given(above=NEW, between=NEW, below=NEW, attribution=st.sampled_from(ATTRIBUTIONS))
@settings(max_examples=200, deadline=None)
def test_every_word_between_and_below_quotes_survives(
    above: str, between: str, below: str, attribution: str
) -> None:
    text = (
        f"{above}\n\n{attribution}\n> Qual o pedido?\n\n{between}\nresposta\n\n> Qual a rua?\n\n{below}\nfim"
    )
    reply = visible_reply(text=text, html="")
    unmarked = [
        line for part in (above, between, below) for line in part.split("\n") if not line.startswith(">")
    ]
    kept = words(reply.text)
    for word in words(" ".join(unmarked)):
        assert word in kept
    assert {"resposta", "fim"} <= set(kept)


@given(new=NEW, header=st.sampled_from(HEADERS))
@settings(max_examples=200, deadline=None)
def test_every_new_word_above_a_header_block_survives(new: str, header: str) -> None:
    reply = visible_reply(text=f"{new}\n\nfim do texto\n\n{header}", html="")
    assert starts_with(words(reply.text), words(f"{new} fim do texto"))


@given(new=NEW, attribution=st.sampled_from(ATTRIBUTIONS), kind=st.sampled_from(["gmail", "cite", "bare"]))
@settings(max_examples=200, deadline=None)
def test_every_new_word_of_html_survives(new: str, attribution: str, kind: str) -> None:
    shown = "".join(f"<div>{escape(line) or '<br>'}</div>" for line in new.split("\n"))
    said = escape(attribution)
    quote = {
        "gmail": f"<div class=gmail_quote><div class=gmail_attr>{said}</div><blockquote>Oi</blockquote></div>",
        "cite": f'<div class="moz-cite-prefix">{said}</div><blockquote type="cite">Oi</blockquote>',
        "bare": f"<p>{said}</p><blockquote>Oi</blockquote>",
    }[kind]
    reply = visible_reply(text="", html=f"{shown}<br>{quote}")
    assert starts_with(words(html_to_text(reply.html)), words(new))


@given(text=st.text(max_size=400), html=st.text(max_size=400), forward=st.booleans())
@settings(max_examples=200, deadline=None)
def test_arbitrary_text_never_raises(text: str, html: str, forward: bool) -> None:
    reply = visible_reply(text=text, html=html, is_forward=forward)
    assert isinstance(reply.text, str)
    assert isinstance(html_to_text(text), str)


PIECES = """< > </ <! <!-- --> <p> </p> <div> </div> <blockquote> <blockquote_type="cite"> </blockquote> <pre>
</pre> <br> <td> </td> <table> </table> <b> </b> <span_id="OLK_SRC_BODY_SECTION"> </span> <hr> <li> </li>
<ul> </ul> <a href="https://x.example"> </a> <div_id="divRplyFwdMsg"> <script> </script> &nbsp; &#xD800;
\ud800 \x00 x y <div_class="gmail_quote"> Em_17/11/2026_09:41,_X_<x@y.example>_escreveu:
De:_X_<x@y.example> Enviado:_17_de_novembro_de_2026_09:41 Assunto:_z"""
MARKUP = st.sampled_from([piece.replace("_", " ") for piece in PIECES.split()])


@given(pieces=st.lists(MARKUP, max_size=60))
@settings(max_examples=200, deadline=None)
def test_arbitrary_markup_never_raises_and_only_loses_text(pieces: list[str]) -> None:
    html = "\n".join(pieces)
    reply = visible_reply(text="", html=html)
    assert len(reply.html) <= len(html)
    if not reply.quote_removed:
        assert reply.html == html
    again = visible_reply(text=html, html=html)
    assert isinstance(again.text, str)
