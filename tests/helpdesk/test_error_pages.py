"""What people read when a page fails: calm words, nothing typed is lost, and no database is needed."""

import pytest
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.utils import translation

from helpdesk import errors

PAGES = {
    400: lambda request: errors.bad_request(request, ValueError()),
    403: lambda request: errors.forbidden(request, PermissionDenied()),
    404: lambda request: errors.not_found(request, ValueError()),
    500: errors.server_error,
}


def asked(**data: str) -> HttpRequest:
    request = RequestFactory().post("/acompanhar/26-1/", data)
    request.error_code = "7F3A-21"
    return request


# Without the database mark any statement fails the test: these pages must come when the database is away.


@pytest.mark.parametrize("status", list(PAGES))
def test_page_needs_no_database(status):
    answer = PAGES[status](asked())
    assert answer.status_code == status
    assert f"Erro {status}" in answer.content.decode()
    assert "style=" not in answer.content.decode()


def test_500_gives_the_code_that_stands_in_the_log():
    assert "7F3A-21" in errors.server_error(asked()).content.decode()
    assert "<code>" not in errors.server_error(RequestFactory().get("/")).content.decode()


def test_refused_form_shows_what_was_typed():  # A28: refused, but not lost
    page = errors.csrf_failure(asked(text="uma hora de trabalho <b>")).content.decode()
    assert "uma hora de trabalho &lt;b&gt;" in page


def test_pages_speak_english():
    with translation.override("en"):
        assert "This page does not exist" in PAGES[404](asked()).content.decode()


@pytest.mark.django_db
def test_unknown_address_tells_nothing_about_itself():
    page = Client().get("/nada/<script>alert(1)</script>/")
    assert page.status_code == 404
    assert "<script>" not in page.content.decode()
