from channels_inbox.quoting import visible_reply


def test_a_gmail_quote_is_cut_from_both_parts() -> None:
    reply = visible_reply(
        text="Recebi, obrigado!\n\nEm ter., 17 de nov. de 2026 às 09:41, Suporte <s@loja.example>\nescreveu:\n\n> Olá\n",
        html='<div dir="ltr">Recebi, obrigado!</div><br><div class="gmail_quote"><div class="gmail_attr">Em ter., 17 de '
        'nov. de 2026 às 09:41, Suporte &lt;s@loja.example&gt; escreveu:<br></div><blockquote class="gmail_quote">Olá'
        "</blockquote></div>",
    )
    assert reply.text == "Recebi, obrigado!"
    assert reply.html == '<div dir="ltr">Recebi, obrigado!</div>'
    assert reply.quote_removed
