"""Mails with both parts: one part's doubt protects the other, one part's certainty helps the other."""

from __future__ import annotations

from channels_inbox.quoting import VisibleReply, visible_reply

ATTRIBUTION = "Em ter., 17 de nov. de 2026 às 09:41, Suporte <s@loja.example> escreveu:"
GMAIL = (
    '<br><div class="gmail_quote"><div class="gmail_attr">Em ter., 17 de nov. de 2026 às 09:41, Suporte '
    '&lt;s@loja.example&gt; escreveu:<br></div><blockquote class="gmail_quote">Já recebeu o pedido?'
    "</blockquote></div>"
)
OUTLOOK = (
    '<div style="border:none;border-top:solid #E1E1E1 1.0pt"><p><b>De:</b> Suporte &lt;s@loja.example&gt;<br>'
    "<b>Enviado:</b> terça-feira, 17 de novembro de 2026 09:41<br><b>Para:</b> Joana<br>"
    "<b>Assunto:</b> Pedido</p></div>"
)


def test_both_parts_are_cut() -> None:
    reply = visible_reply(
        text=f"Recebi, obrigado!\n\n{ATTRIBUTION}\n\n> Já recebeu o pedido?\n",
        html=f'<div dir="ltr">Recebi, obrigado!</div>{GMAIL}',
    )
    assert reply == VisibleReply(
        "Recebi, obrigado!", '<div dir="ltr">Recebi, obrigado!</div>', quote_removed=True
    )


def test_text_follows_the_html_when_its_own_quote_has_no_marks() -> None:
    text = "Recebi.\n\nSuporte disse:\nJá recebeu o pedido?"
    html = (
        '<p>Recebi.</p><div class="moz-cite-prefix">Suporte disse:</div>'
        '<blockquote type="cite">Já recebeu o pedido?</blockquote>'
    )
    assert visible_reply(text=text, html=html) == VisibleReply(
        "Recebi.", "<p>Recebi.</p>", quote_removed=True
    )


def test_words_that_only_the_text_has_survive_a_cut_of_the_html() -> None:
    text = "Recebi.\n\nSuporte disse:\nJá recebeu o pedido?\nSim, mas faltou o cabo."
    html = '<p>Recebi.</p><div class="moz-cite-prefix">Suporte disse:</div>'
    html += '<blockquote type="cite">Já recebeu o pedido?'
    assert visible_reply(text=text, html=html).text == text


def test_answers_seen_in_the_text_keep_the_html_whole() -> None:
    text = f"Oi\n\n{ATTRIBUTION}\n\n> Já recebeu o pedido?\n\nSim, ontem.\n"
    html = f"<div>Oi</div>{GMAIL.replace('pedido?', 'pedido?<div>Sim, ontem.</div>')}"
    assert visible_reply(text=text, html=html) == VisibleReply(text, html, quote_removed=False)


def test_answers_seen_in_the_html_keep_a_text_without_quote_marks_whole() -> None:
    text = f"Oi\n\n{ATTRIBUTION}\n\nJá recebeu o pedido?\n\nSim, ontem.\n"
    html = f"<div>Oi</div>{GMAIL}<div>Sim, ontem.</div>"
    assert visible_reply(text=text, html=html) == VisibleReply(text, html, quote_removed=False)


def test_a_forward_seen_in_one_part_keeps_both() -> None:
    text = (
        "Segue.\n\n---------- Forwarded message ---------\nDe: Fornecedor <v@fornecedor.example>\n\nAtrasou."
    )
    html = f"<div>Segue.</div>{OUTLOOK}<p>Atrasou.</p>"
    assert visible_reply(text=text, html=html) == VisibleReply(text, html, quote_removed=False)


def test_a_picture_alone_is_an_answer() -> None:
    html = f'<div><img src="cid:tela@cliente.example" width="640" height="480"></div>{GMAIL}'
    reply = visible_reply(text="", html=html)
    assert reply.html == '<div><img src="cid:tela@cliente.example" width="640" height="480"></div>'
    assert reply.text == ""
    assert reply.quote_removed


def test_a_tracking_dot_alone_is_no_answer() -> None:
    html = f'<img src="https://t.example/p.gif" width="1" height="1">{GMAIL}'
    assert visible_reply(text="", html=html).html == html


def test_a_picture_below_the_quote_stays() -> None:
    html = f'<div>Veja a foto.</div>{GMAIL}<div><img src="cid:foto@cliente.example"></div>'
    reply = visible_reply(text="", html=html)
    assert 'src="cid:foto@cliente.example"' in reply.html
    assert "Já recebeu" not in reply.html


def test_no_part_at_all() -> None:
    assert visible_reply(text="", html="") == VisibleReply("", "", quote_removed=False)
    assert visible_reply(text=" \n\n", html="").text == ""


def test_blank_text_part_gives_way_to_the_html() -> None:
    assert visible_reply(text="\r\n \r\n", html=f"<p>Recebi.</p>{GMAIL}").text == "Recebi."


def test_new_words_are_kept_byte_for_byte() -> None:
    new = "Tabela:\r\n\tA\u00a0 1\r\n\tB   2\r\n\r\n  recuo"
    reply = visible_reply(text=f"{new}\r\n\r\n{ATTRIBUTION}\r\n\r\n> Já recebeu?\r\n", html="")
    assert reply.text == new


def test_scripts_are_not_this_modules_business() -> None:
    html = f"<div><script>alert(1)</script>Chegou</div>{GMAIL}"
    assert visible_reply(text="", html=html).html == "<div><script>alert(1)</script>Chegou</div>"
