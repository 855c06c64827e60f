"""Plain-text mails as real clients write them: what must go, and what must stay whole."""

from __future__ import annotations

import pytest

from channels_inbox.quoting import visible_reply
from tests.channels_inbox.quoting.cases import Case, read_cases

ATTRIBUTIONS = read_cases("attributions.txt")
CUT = read_cases("text_cut.txt")
WHOLE = read_cases("text_whole.txt")
NEW = "Boa tarde,\n\nSegue o número do pedido: 4521.\n> 2 caixas\n\nJoana"


def named(cases: list[Case]) -> list[str]:
    return [case.name for case in cases]


@pytest.mark.parametrize("case", ATTRIBUTIONS, ids=named(ATTRIBUTIONS))
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_attribution_before_quote_marks_is_cut(case: Case, newline: str) -> None:
    mail = f"{NEW}\n\n{case.body}\n\n> Qual o pedido?\n>\n> Equipe\n".replace("\n", newline)
    reply = visible_reply(text=mail, html="")
    assert reply.text == NEW.replace("\n", newline)
    assert reply.quote_removed


@pytest.mark.parametrize("case", ATTRIBUTIONS, ids=named(ATTRIBUTIONS))
def test_attribution_with_an_answer_below_stays_whole(case: Case) -> None:
    mail = f"{NEW}\n\n{case.body}\n\n> Qual o pedido?\n\n4521\n\n> Qual a rua?\n\nAcácias"
    reply = visible_reply(text=mail, html="")
    assert reply.text == mail
    assert not reply.quote_removed


@pytest.mark.parametrize("case", CUT, ids=named(CUT))
def test_quote_is_cut(case: Case) -> None:
    reply = visible_reply(text=case.body, html="")
    assert reply.text == case.keeps
    assert reply.quote_removed
    assert visible_reply(text=case.body, html="", is_forward=True).text == case.body


@pytest.mark.parametrize("case", WHOLE, ids=named(WHOLE))
def test_mail_stays_whole(case: Case) -> None:
    reply = visible_reply(text=case.body, html="")
    assert reply.text == case.body
    assert not reply.quote_removed
