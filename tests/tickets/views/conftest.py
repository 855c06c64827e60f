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
