"""The list: what it shows, in which order, how it pages, and what it costs."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tickets.lifecycle import open_ticket
from tickets.models import Department, Ticket
from tickets.queues import Selection, counters, mark_read, page_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def many(arrive):
    """Open tickets quickly: `many(60)`."""
    from helpdesk.lib.clock import app_now
    from helpdesk.people.models import Contact

    def make(number: int, department: str = "suporte", **facts):
        place = Department.objects.get(key=department)
        contact = Contact.objects.create(name="Wagner Luz")
        return [
            open_ticket(contact=contact, department=place, subject=f"Pedido {n}", now=app_now(), **facts)
            for n in range(number)
        ]

    return make


def test_page_shows_only_own_departments(many, browser, livia):
    # A07, A08
    (mine,), (foreign,) = many(1), many(1, "financeiro")
    page = browser(livia).get("/").content.decode()
    assert f"ticket-row-{mine.pk}" in page
    assert f"ticket-row-{foreign.pk}" not in page


def test_anonymous_goes_to_login_and_htmx_gets_a_redirect_header(client, desk):
    answer = client.get("/?view=mine")
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("account_login"))
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/?view=mine"}
    answer = client.get("/lista/", headers=headers)
    assert answer.status_code == 401
    assert answer["HX-Redirect"].endswith("?next=/%3Fview%3Dmine")


@pytest.mark.parametrize("number", [1, 3, 60])
def test_list_page_costs_the_same_whatever_the_number(many, browser, livia, number):
    many(number)
    desk = browser(livia)
    desk.get("/")
    with CaptureQueriesContext(
        connection,
    ) as spent:
        answer = desk.get("/")
    assert answer.status_code == 200
    assert len(spent) == 7, [query["sql"][:120] for query in spent]


def test_paging_shows_every_ticket_once_in_order(many, livia):
    many(30)
    many(3, stopped=True)
    seen, cursor = [], ""
    while True:
        page = page_of(livia, Selection(), cursor=cursor, size=7)
        seen += [row["id"] for row in page.rows]
        cursor = page.next
        if not cursor:
            break
    wanted = Ticket.objects.order_by("queue_key", "id").values_list("pk", flat=True)
    assert seen == list(wanted)
    assert Ticket.objects.get(pk=seen[0]).operation_stopped


def test_more_rows_do_not_repeat_the_group_title(many, browser, livia):
    many(30)
    desk = browser(livia)
    first = desk.get("/").content.decode()
    assert first.count('<h2 id="group-') == 1
    start = first.index("cursor=") + len("cursor=")
    cursor = first[start : first.index('"', start)]
    more = desk.get(f"/lista/mais/?cursor={cursor}").content.decode()
    assert more.count('<li class="trow') == 5
    assert "<h2" not in more


@pytest.mark.parametrize("cursor", ["x", "1.2.3", "9" * 30 + ".1", "'; drop--", "1" * 20 + ".1"])
def test_hostile_cursors_and_choices_show_a_list(many, browser, livia, cursor):
    many(2)
    desk = browser(livia)
    assert desk.get("/lista/mais/", {"cursor": cursor}).status_code == 200
    assert desk.get("/lista/mais/", {"cursor": cursor, "view": "finished"}).status_code == 200
    assert desk.get("/", {"view": "nope", "department": "x", "status": "<script>"}).status_code == 200


def test_finished_list_pages_newest_first(many, livia):
    from tickets.lifecycle import change_status

    for ticket in many(5):
        change_status(ticket, "resolved", actor=None)
    first = page_of(livia, Selection("finished"), size=3)
    rest = page_of(livia, Selection("finished"), cursor=first.next, size=3)
    ids = [row["id"] for row in first.rows + rest.rows]
    assert ids == list(Ticket.objects.order_by("-updated_at", "-id").values_list("pk", flat=True))


def test_unread_is_each_persons_own(many, arrive, browser, livia, person):
    ticket = arrive().ticket
    caio = person("caio", "agent", "suporte")
    assert f'<li class="trow unread" id="ticket-row-{ticket.pk}"' in browser(livia).get("/").content.decode()
    ticket.refresh_from_db()
    mark_read(livia, ticket)
    assert f'<li class="trow read" id="ticket-row-{ticket.pk}"' in browser(livia).get("/").content.decode()
    assert f'<li class="trow unread" id="ticket-row-{ticket.pk}"' in browser(caio).get("/").content.decode()


def test_counters_are_one_statement_and_capped(many, livia, django_assert_num_queries, monkeypatch):
    monkeypatch.setattr("tickets.queues.CAP", 4)
    many(7)
    departments = list(Department.objects.visible_to(livia))
    selection = Selection()
    livia._memberships = None
    with django_assert_num_queries(2):  # memberships, counters
        found = counters(livia, departments, selection)
    assert found["view:queues"] == 5
    assert found["view:mine"] == 0
    assert found["group:unanswered"] == 5


def test_counters_follow_the_rights_of_the_moment(many, livia, person):
    # A07: the statement is kept for a person with these very rights, and for nobody else
    many(2)
    many(3, "financeiro")

    def counted(user) -> int:
        user._memberships = None  # as the next request reads them
        return counters(user, list(Department.objects.visible_to(user)), Selection())["view:queues"]

    assert [counted(livia), counted(livia)] == [2, 2]
    many(1)
    assert counted(livia) == 3
    person("livia", "agent", "financeiro")
    assert counted(livia) == 6
    livia.memberships.filter(department__key="suporte").delete()
    assert counted(livia) == 3
    assert counted(person("caio")) == 3
    livia.memberships.all().delete()
    assert counted(livia) == 0


def test_somebody_without_membership_sees_an_empty_desk(many, browser, desk):
    from helpdesk.people.models import User

    many(1)
    nobody = User.objects.create_user("novo@equipe.example", "uma frase de teste", name="Novo Teste")
    answer = browser(nobody).get("/")
    assert answer.status_code == 200
    assert b'class="trow' not in answer.content


def test_row_leaves_the_list_it_does_not_belong_to(many, browser, livia):
    (ticket,) = many(1)
    desk = browser(livia)
    assert desk.get(f"/lista/{ticket.pk}/").status_code == 200
    assert desk.get(f"/lista/{ticket.pk}/?view=mine").status_code == 204
    (foreign,) = many(1, "financeiro")
    assert desk.get(f"/lista/{foreign.pk}/").status_code == 204  # as absent as one that never was
    assert desk.get("/lista/999999/").status_code == 204


def test_names_of_strangers_are_text(arrive, browser, livia):
    # A02
    arrive(sender='"<img src=x onerror=alert(1)>" <mal@trigal.example>', subject="<script>alert(2)</script>")
    page = browser(livia).get("/").content.decode()
    assert "<img src=x" not in page
    assert "<script>alert(2)" not in page
    assert "&lt;script&gt;alert(2)" in page


def test_page_has_no_inline_script_or_style(many, browser, livia):
    many(1)
    answer = browser(livia).get("/")
    page = answer.content.decode()
    assert " style=" not in page
    assert "hx-on" not in page
    assert "javascript:" not in page
    assert page.count("<script") == page.count("<script src=")


@pytest.mark.parametrize("current", ["9" * 5000, "²", "-1"])
def test_a_current_ticket_nobody_has_shows_the_list(many, browser, livia, current):  # A20, A22
    many(1)
    assert browser(livia).get(reverse("tickets:ticket_list"), {"current": current}).status_code == 200
