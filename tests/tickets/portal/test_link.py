"""The link of a mail opens one ticket's page, and nothing but that (R-130, A13)."""

import logging
import secrets

import pytest
from django.core import signing
from django.test import Client
from django.urls import reverse

from channels_inbox.models import OutboundMessage
from helpdesk.logs import scrub
from tests.tickets.portal.conftest import link_in
from tickets import conversation, lifecycle
from tickets.models import Ticket, TicketEvent, TicketRead, TrackingToken
from tickets.portal.access import COOKIE, SALT

pytestmark = pytest.mark.django_db(transaction=True)


def everything() -> tuple:
    return (
        list(Ticket.objects.values_list("updated_at", "status", "unanswered")),
        list(TrackingToken.objects.values_list("pk", "revoked_at")),
        TicketEvent.objects.count(),
        TicketRead.objects.count(),
    )


def test_link_sets_a_path_bound_cookie_and_redirects(arrive, enter):  # R-130, A16
    ticket = arrive().ticket
    client, path = enter(ticket)
    cookie = client.cookies[COOKIE]
    assert path == f"/acompanhar/{ticket.protocol}/" == cookie["path"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    page = client.get(path)
    assert page.status_code == 200
    assert page["Referrer-Policy"] == "no-referrer"
    assert "noindex" in page["X-Robots-Tag"]
    assert "no-store" in page["Cache-Control"]
    assert "/t/" not in page.content.decode()  # A13: no token in the page


def test_previewers_change_nothing(arrive):  # link previewers fetch 20 times
    arrive()
    path = link_in(OutboundMessage.objects.get())
    before = everything()
    for _ in range(20):
        assert Client().get(path).status_code == 302
        assert Client().head(path).status_code == 302
    assert everything() == before


def test_every_mail_carries_a_link_of_its_own_and_all_work(arrive, person, enter):
    ticket = arrive().ticket
    conversation.reply(ticket, actor=person("livia"), text="Vou ver isso agora.")
    first, second = (link_in(row) for row in OutboundMessage.objects.order_by("id"))
    assert first != second
    assert {Client().get(path)["Location"] for path in (first, second)} == {f"/acompanhar/{ticket.protocol}/"}


def test_cookie_of_one_ticket_opens_no_other(arrive, enter):  # A13: on every endpoint of the other
    first, second = arrive().ticket, arrive(sender="Otávio <otavio@trigal.example>").ticket
    client, _path = enter(first)
    stolen = {COOKIE: client.cookies[COOKIE].value}
    for name, args in (("ticket", ()), ("updates", ()), ("attachment", (1,))):
        url = reverse(f"portal:{name}", args=[second.protocol, *args])
        assert Client(headers={"cookie": f"{COOKIE}={stolen[COOKIE]}"}).get(url).status_code == 404
    for name in ("ticket", "revoke"):
        url = reverse(f"portal:{name}", args=[second.protocol])
        answer = Client(headers={"cookie": f"{COOKIE}={stolen[COOKIE]}"}).post(url, {"text": "oi"})
        assert answer.status_code == 404
    assert second.entries.filter(kind="customer").count() == 1


def test_forged_and_old_cookies_open_nothing(arrive, monkeypatch):
    ticket = arrive().ticket
    row = TrackingToken.objects.get()
    url = reverse("portal:ticket", args=[ticket.protocol])
    good = signing.dumps(row.pk, salt=SALT)
    other = signing.dumps(row.pk, salt="other.purpose")
    for value, status in ((good, 200), (other, 404), (f"{row.pk}", 404), ("", 404), (good[:-2] + "xx", 404)):
        assert Client(headers={"cookie": f"{COOKIE}={value}"}).get(url).status_code == status
    monkeypatch.setattr("tickets.portal.access.COOKIE_SECONDS", -1)
    assert Client(headers={"cookie": f"{COOKIE}={good}"}).get(url).status_code == 404


def test_two_hundred_guesses_hit_nothing_and_are_stopped(arrive):  # A13
    arrive()
    client = Client()
    statuses = [client.get(f"/t/{secrets.token_urlsafe(32)}").status_code for _ in range(200)]
    assert statuses == [404] * 20 + [429] * 180
    odd = [
        client.get(f"/t/{word}", REMOTE_ADDR="192.0.2.9").status_code
        for word in ("x", "a" * 30, "é" * 43, "%00" * 9)
    ]
    assert odd == [404] * 4
    assert client.get(link_in(OutboundMessage.objects.get()), REMOTE_ADDR="192.0.2.7").status_code == 302


def test_rightful_visits_do_not_count_as_guesses(arrive):
    arrive()
    path = link_in(OutboundMessage.objects.get())
    assert {Client().get(path).status_code for _ in range(25)} == {302}


def test_revoked_links_and_cookies_are_dead_together(arrive, person, enter):
    ticket, livia = arrive().ticket, person("livia")
    conversation.reply(ticket, actor=livia, text="Vou ver isso agora.")
    links = [link_in(row) for row in OutboundMessage.objects.all()]
    old, path = enter(ticket)
    mine, _path = enter(ticket)
    answer = mine.post(reverse("portal:revoke", args=[ticket.protocol]))
    assert answer.status_code == 302
    assert {Client().get(link).status_code for link in links} == {404}
    assert old.get(path).status_code == 404
    assert mine.get(path).status_code == 200  # the person who asked stays in, by a cookie nobody else has
    assert ticket.events.filter(kind="links_revoked").count() == 1
    conversation.reply(ticket, actor=livia, text="Pronto.")
    assert Client().get(link_in(OutboundMessage.objects.order_by("-id")[0])).status_code == 302


def test_links_die_180_days_after_closing_and_live_again_when_reopened(
    arrive, person, enter, travel
):
    ticket = arrive().ticket
    client, path = enter(ticket)
    link = link_in(OutboundMessage.objects.get())
    livia = person("livia", "leader")
    lifecycle.change_status(ticket, "resolved", actor=livia)
    lifecycle.change_status(ticket, "closed", actor=None)
    travel(days=179)
    assert Client().get(link).status_code == 302
    travel(days=2)
    assert Client().get(link).status_code == 404
    assert client.get(path).status_code == 404
    lifecycle.change_status(ticket, "open", actor=livia)
    assert Client().get(link).status_code == 302


def test_token_stands_in_no_log(arrive, caplog):  # A13
    arrive()
    token = link_in(OutboundMessage.objects.get()).removeprefix("/t/")
    with caplog.at_level(logging.DEBUG):
        Client().get(f"/t/{token}")
        Client().get(f"/t/{token[:-1]}x")
    assert token not in scrub(caplog.text)
    assert token[:-1] not in scrub(caplog.text)


def test_dead_link_page_offers_another_one(db):
    page = Client().get(f"/t/{secrets.token_urlsafe(32)}")
    assert page.status_code == 404
    assert "Este link expirou" in page.content.decode()
    assert page["Referrer-Policy"] == "no-referrer"
    assert reverse("portal:renew") in page.content.decode()


def test_cookie_is_secure_wherever_the_address_is(arrive, enter, settings):  # A16
    ticket = arrive().ticket
    client, _path = enter(ticket)
    assert not client.cookies[COOKIE]["secure"]  # http on loopback only
    settings.ON_LOOPBACK = False
    client, _path = enter(ticket)
    assert client.cookies[COOKIE]["secure"]
