"""«Agora, próximo passo, quando»: three fields, one writer, told once (R-026)."""

from datetime import UTC, datetime

import pytest
from django.core.exceptions import PermissionDenied

from tickets.trio import set_trio

pytestmark = pytest.mark.django_db
WHEN = datetime(2026, 11, 24, 17, 0, tzinfo=UTC)


def test_the_three_fields_are_written_with_what_stood_before(arrive, person):
    #
    ticket, livia = arrive().ticket, person("livia")
    set_trio(ticket, actor=livia, now="  Analisando a nota ", next_step="Reenviar", when=WHEN)
    set_trio(ticket, actor=livia, now="Reenviada", next_step="", when=None)
    ticket.refresh_from_db()
    assert (ticket.now, ticket.next_step, ticket.when) == ("Reenviada", "", None)
    changes = [event.data["before"] for event in ticket.events.filter(kind="trio_changed").order_by("id")]
    assert changes == [["", "", None], ["Analisando a nota", "Reenviar", WHEN.isoformat()]]


def test_the_same_words_again_are_no_news_and_long_ones_are_cut(arrive, person):
    ticket, livia = arrive().ticket, person("livia")
    for _time in range(2):
        stored = set_trio(ticket, actor=livia, now="a" * 400, next_step=" ", when=None)
    assert len(stored.now) == 300
    assert ticket.events.filter(kind="trio_changed").count() == 1


def test_only_who_may_reply_says_what_comes_next(arrive, person):
    # A08
    ticket = arrive().ticket
    for stranger in (person("otto", "agent", "financeiro"), person("dora", "developer")):
        with pytest.raises(PermissionDenied):
            set_trio(ticket, actor=stranger, now="x", next_step="", when=None)
    ticket.refresh_from_db()
    assert ticket.now == ""
