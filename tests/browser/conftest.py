"""Decides what browser tests share: one live product a session, one Chromium, and a watch that fails the test."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings as site_conf
from django.db import connection
from django.test import Client
from playwright.sync_api import Browser, Page

from helpdesk.accounts.second_factor import PASSED_KEY
from helpdesk.people.models import User
from tests.browser.canary import Canary
from tests.browser.product import web
from tests.browser.watch import Watch
from tests.conftest import CHROMIUM_ARGUMENTS
from tests.flows.worker import until


@pytest.fixture(scope="session")
def live_home():
    with tempfile.TemporaryDirectory(prefix="hdb", dir="/tmp") as home:
        yield Path(home)


@pytest.fixture(scope="session")
def live_url(django_db_setup, live_home):
    """The address of the product, served by a process of its own on the tests' database."""
    with web(live_home) as url:
        yield url


@pytest.fixture(scope="session")
def canary():
    """A listener behind every foreign name: what a page asks of strangers is counted there."""
    with Canary() as bird:
        yield bird


@pytest.fixture(scope="session")
def chromium(playwright, canary) -> Browser:
    ours = f"127.0.0.1:{canary.port}"
    rules = f"MAP *.test {ours}, MAP *.example {ours}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    browser = playwright.chromium.launch(
        executable_path="/usr/bin/chromium", args=[*CHROMIUM_ARGUMENTS, f"--host-resolver-rules={rules}"]
    )
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def shots() -> Path | None:
    """Where pictures are kept: `HD_SHOTS`; none are taken without it."""
    place = os.environ.get("HD_SHOTS")
    if place:
        Path(place).mkdir(parents=True, exist_ok=True)
    return Path(place) if place else None


@pytest.fixture
def watch(transactional_db, desk, live_url, chromium, canary, shots, settings):
    """Browsers of one test, all closed and the database at rest before it is emptied."""
    settings.BASE_URL = live_url
    settings.EMAIL_BACKEND = "channels_inbox.account_mail.OutboxBackend"  # the test runner puts its own there
    canary.visits.clear()
    keeper = Watch(chromium, live_url, shots)
    yield keeper
    keeper.close()
    until(at_rest)
    assert keeper.trouble == []
    assert canary.visits == []


def at_rest() -> bool:
    """No other session of this database is at work."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND state <> 'idle'"
        )
        return cursor.fetchone()[0]


def session_cookie(user: User) -> dict[str, str]:
    """Sign a person in, second factor given; return the cookie of that session."""
    client = Client()
    client.force_login(user)
    session = client.session
    session[PASSED_KEY] = user.pk
    session.save()
    return {site_conf.SESSION_COOKIE_NAME: client.cookies[site_conf.SESSION_COOKIE_NAME].value}


@pytest.fixture
def open_as(watch) -> Callable[..., Page]:
    """Open a page as a person (or nobody): `open_as(livia, "/", phone=True)`."""

    def run(user: User | None, path: str = "/", *, phone: bool = False, dark: bool = False) -> Page:
        cookie = session_cookie(user) if user else None
        page = watch.context(phone=phone, dark=dark, cookie=cookie).new_page()
        page.goto(path)
        return page

    return run
