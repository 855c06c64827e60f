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


@pytest.fixture
def open_desk(chromium, served, session_of):
    """Open a signed-in page: `open_desk(livia, phone=True)`; the test fails on any script error or CSP report.

    `clock`: the browser's clock moves by `page.clock.fast_forward` only.
    """
    contexts, trouble = [], []

    def make(user, path: str = "/", *, phone: bool = False, clock: bool = False):
        size = {"width": 390, "height": 844} if phone else {"width": 1440, "height": 900}
        context = chromium.new_context(viewport=size, locale="pt-BR", has_touch=phone, is_mobile=phone)
        contexts.append(context)
        ((name, value),) = session_of(user).items()
        context.add_cookies([{"name": name, "value": value, "url": served.url}])
        if clock:
            context.clock.install()
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on(
            "console", lambda said: trouble.append(said.text) if "Content Security" in said.text else None
        )
        page.goto(served.url + path)
        return page

    yield make
    for context in contexts:
        context.close()
    assert trouble == []
