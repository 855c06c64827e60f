"""html_to_text: what a reader sees, line by line."""

from __future__ import annotations

import pytest

from channels_inbox.quoting import html_to_text

CASES = [
    ("", ""),
    ("Olá", "Olá"),
    ("<p>um</p><p>dois</p>", "um\n\ndois"),
    ("<div>um</div><div>dois</div>", "um\ndois"),
    ("<div>um</div><div><br></div><div>dois</div>", "um\n\ndois"),
    ("um<br>dois<br><br><br><br>três", "um\ndois\n\ntrês"),
    (
        "<p class=MsoNormal>um</p><p class=MsoNormal><o:p>&nbsp;</o:p></p><p class=MsoNormal>dois</p>",
        "um\n\ndois",
    ),
    ("<p class=MsoNormal>um</p><p class=MsoNormal>dois</p>", "um\ndois"),
    ('<p style="margin:0">um</p><p style="margin:0">dois</p>', "um\ndois"),
    ("<h1>Título</h1>texto", "Título\n\ntexto"),
    ("<b>neg</b><i>rito</i> e\n   quebra", "negrito e quebra"),
    ("a&nbsp;&nbsp;b &amp;lt; &#8364; &eacute;", "a b &lt; € é"),
    ("pre\u200bhe\u00adader&zwnj;&nbsp;&zwnj;&nbsp; fim", "preheader fim"),
    ("<style>p{}</style><script>x</script><title>t</title><!-- c -->só isto", "só isto"),
    ("<!--[if mso]><p>oculto</p><![endif]-->visto<![if !mso]>!<![endif]>", "visto!"),
    ("<ul><li>um</li><li>dois</li></ul>fim", "- um\n- dois\n\nfim"),
    ("<ol><li><p>um</p></li><li>dois<ul><li>dentro</li></ul></li></ol>", "- um\n- dois\n  - dentro"),
    ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table>", "a\tb\nc\td"),
    ("<table><tr><td><p>a</p></td><td><p>b</p><p>c</p></td></tr></table>x", "a\tb\nc\n\nx"),
    ("<table><tr><td></td><td>só</td></tr></table>", "só"),
    ('<a href="https://loja.example/p">aqui</a>', "aqui (https://loja.example/p)"),
    ('<a href="https://www.loja.example/">loja.example</a>', "loja.example"),
    ('<a href="mailto:s@loja.example">s@loja.example</a>', "s@loja.example"),
    ('<a href="mailto:s@loja.example">Suporte</a>', "Suporte (s@loja.example)"),
    ('<a href="javascript:alert(1)">clique</a> <a href="#topo">topo</a>', "clique topo"),
    ('<a href="https://loja.example/"><img src="x.png" alt="logotipo"></a>', ""),
    ('legal <img alt="🎉" src="e.png">', "legal 🎉"),
    ("<pre>a\n  b\n\nc</pre>", "a\n  b\n\nc"),
    ("<textarea>escrito</textarea>", "escrito"),
    ("2 < 3 e 5 > 4 <3", "2 < 3 e 5 > 4 <3"),
    ("aberto <b>sem fim", "aberto sem fim"),
    ('<p title="a > b">certo</p>', "certo"),
    ("fim <a href='x", "fim <a href='x"),
    ("&#99999999999999999999999; &#0; &#xD800; &#x1;x", "\ufffd \ufffd \ufffd x"),
    ("a\x00b\x07c", "abc"),
    ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
]


@pytest.mark.parametrize(("html", "text"), CASES)
def test_html_to_text(html: str, text: str) -> None:
    assert html_to_text(html) == text
