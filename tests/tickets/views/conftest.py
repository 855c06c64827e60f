"""What the desk's page tests share: a signed-in browser for a person, and a mail that is a ticket already."""

import pytest
from django.test import Client


@pytest.fixture
def browser(person):
    """Sign a person in: `browser(livia)`; htmx calls with `browser(livia, htmx=True)`."""

    def make(user, *, htmx: bool = False) -> Client:
        client = Client(headers={"HX-Request": "true"} if htmx else None)
        client.force_login(user)
        return client

    return make


@pytest.fixture
def livia(person):
    return person("livia", "agent", "suporte")


@pytest.fixture
def ticket(arrive):
    return arrive().ticket


@pytest.fixture
def desk_of(browser, livia):
    return browser(livia)


@pytest.fixture
def served(transactional_db):
    """The product over HTTP; stops before the database is emptied."""
    from tests.tickets.views.server import DeskServer

    with DeskServer() as server:
        yield server


@pytest.fixture
def session_of(browser):
    """Return the session cookie (name, value) of a person."""
    from django.conf import settings

    def make(user) -> dict[str, str]:
        return {settings.SESSION_COOKIE_NAME: browser(user).cookies[settings.SESSION_COOKIE_NAME].value}

    return make
