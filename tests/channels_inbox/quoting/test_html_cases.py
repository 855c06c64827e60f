"""HTML mails as real clients write them: what must go, and what must stay whole."""

from __future__ import annotations

import pytest

from channels_inbox.quoting import html_to_text, visible_reply
from tests.channels_inbox.quoting.cases import Case, read_cases

CUT = read_cases("html_cut.html")
WHOLE = read_cases("html_whole.html")


def named(cases: list[Case]) -> list[str]:
    return [case.name for case in cases]


@pytest.mark.parametrize("case", CUT, ids=named(CUT))
def test_quote_is_cut(case: Case) -> None:
    reply = visible_reply(text="", html=case.body)
    assert reply.text == case.keeps
    assert html_to_text(reply.html) == case.keeps
    assert reply.quote_removed


@pytest.mark.parametrize("case", CUT, ids=named(CUT))
def test_elements_stay_balanced(case: Case) -> None:
    reply = visible_reply(text="", html=case.body)
    for name in ("div", "blockquote", "table", "span"):
        opened, closed = case.body.lower().count(f"<{name}"), case.body.lower().count(f"</{name}>")
        if opened == closed:
            assert reply.html.lower().count(f"<{name}") == reply.html.lower().count(f"</{name}>"), name


@pytest.mark.parametrize("case", [*WHOLE, *CUT], ids=named([*WHOLE, *CUT]))
def test_forward_by_subject_stays_whole(case: Case) -> None:
    reply = visible_reply(text="", html=case.body, is_forward=True)
    assert reply.html == case.body
    assert not reply.quote_removed


@pytest.mark.parametrize("case", WHOLE, ids=named(WHOLE))
def test_mail_stays_whole(case: Case) -> None:
    reply = visible_reply(text="", html=case.body)
    assert reply.html == case.body
    assert reply.text == html_to_text(case.body)
    assert not reply.quote_removed
