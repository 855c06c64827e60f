"""How long a link lives and what ends it: 180 days after closing, all together, and again when reopened (R-130)."""

import pytest

from helpdesk.lib.clock import app_now
from tickets import tracking
from tickets.models import Ticket, TrackingToken

pytestmark = pytest.mark.django_db


@pytest.fixture
def ticket(arrive):
    return arrive(react=False).ticket


def mint(ticket) -> str:
    return tracking.mint_link(ticket, ticket.contact).rstrip("/").rsplit("/", 1)[-1]


def close(ticket) -> None:
    Ticket.objects.filter(pk=ticket.pk).update(status="closed", outcome="resolvido", closed_at=app_now())


def test_each_message_has_a_token_of_its_own_of_which_only_the_hash_is_kept(ticket):
    # R-130, A13
    tokens = [mint(ticket) for _mail in range(3)]
    assert len(set(tokens)) == 3
    assert all(len(token) >= 43 for token in tokens)  # 256 bits
    kept = b"".join(bytes(row.token_hash) for row in TrackingToken.objects.all())
    assert not any(token.encode() in kept for token in tokens)
    for token in tokens * 2:  # never single-use
        assert tracking.find_token(token).ticket_id == ticket.pk


def test_180_days_after_closing_and_not_181(ticket, travel):
    #
    token = mint(ticket)
    row = tracking.find_token(token)
    close(ticket)
    travel(days=179, hours=23)
    assert tracking.find_token(token) == tracking.still_live(row.pk) == row
    travel(days=1, hours=1)
    assert tracking.find_token(token) is None
    assert tracking.still_live(row.pk) is None
    Ticket.objects.filter(pk=ticket.pk).update(status="open", outcome="", closed_at=None)
    assert tracking.find_token(token) == row  # reopened: valid again


def test_an_open_ticket_keeps_its_links_for_years(ticket, travel):
    token = mint(ticket)
    travel(days=1000)
    assert tracking.find_token(token) is not None


def test_revoked_together_with_those_of_a_merged_ticket_and_no_others(ticket, arrive):
    #
    merged, other = (arrive(sender=f"{n}@x.example", react=False).ticket for n in "ab")
    Ticket.objects.filter(pk=merged.pk).update(merged_into=ticket)
    tokens = [mint(ticket), mint(ticket), mint(merged)]
    foreign = mint(other)
    assert tracking.revoke_links(ticket) == 3
    assert [tracking.find_token(token) for token in tokens] == [None] * 3
    assert tracking.find_token(foreign).ticket_id == other.pk
    assert tracking.revoke_links(ticket) == 0
    assert tracking.find_token(mint(ticket)) is not None  # the next mail carries a good one


def test_links_of_a_merged_ticket_end_with_the_one_it_went_into(ticket, arrive, travel):
    merged = arrive(sender="a@x.example", react=False).ticket
    Ticket.objects.filter(pk=merged.pk).update(merged_into=ticket)
    token = mint(merged)
    close(ticket)
    travel(days=181)
    assert tracking.find_token(token) is None


@pytest.mark.parametrize("token", ["", "x", "é" * 43, "a" * 43, "a" * 5000, "../../etc/passwd", "\x00"])
def test_anything_else_finds_nothing(ticket, token):
    mint(ticket)
    assert tracking.find_token(token) is None
