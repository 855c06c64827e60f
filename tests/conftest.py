"""Decides what every test may rely on: a movable clock, the desk set up with the default preset, and its people."""

import os
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.core.cache import cache
from django.db import connection

PROGRAMS = {"dovecot": "dovecot-imapd", "chromium": "chromium"}
CHROMIUM_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-quic", "--no-first-run",
]  # fmt: skip
BESIDE_THE_BROWSER = ("tests/authorization/", "tests/helpdesk/backup/", "tests/helpdesk/embedded/")
INSTALL = "apt-get install --no-install-recommends {package}"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run the long vectors too")
    parser.addoption("--part", choices=["first", "second"], help="one of the two parts that run side by side")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--full"):
        os.environ["HD_FULL"] = "1"
    config.addinivalue_line("markers", "needs(program): skipped by name where the program is missing")
    config.addinivalue_line("markers", "full: only with --full")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip by name what cannot run here; tests with a browser come last, because its loop stays in the thread."""
    part = config.getoption("--part")
    if part:
        chosen = [item for item in items if in_second_part(item) == (part == "second")]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
        items[:] = chosen
    items.sort(key=uses_browser)
    for item in items:
        if item.get_closest_marker("full") and not config.getoption("--full"):
            item.add_marker(pytest.mark.skip(reason="long vectors: ./hd test --full"))
        for mark in item.iter_markers("needs"):
            program = mark.args[0]
            if shutil.which(program) is None and os.environ.get("CI") != "true":
                line = INSTALL.format(package=PROGRAMS[program])
                item.add_marker(pytest.mark.skip(reason=f"{program} is missing: {line}"))


def in_second_part(item: pytest.Item) -> bool:
    """Whether a test runs beside the others: those with a browser, and as many more as make both parts equally long."""
    return uses_browser(item) or item.nodeid.startswith(BESIDE_THE_BROWSER)


def uses_browser(item: pytest.Item) -> bool:
    return any(mark.args[0] == "chromium" for mark in item.iter_markers("needs"))


@pytest.fixture(scope="session")
def playwright():
    """The one Playwright of the session: two of them cannot share a thread."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def chromium(playwright):
    """The one Chromium of the session; every test opens contexts of its own and closes them."""
    browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM_ARGUMENTS)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """After the migrations: `app_now()` gets its offset, which exists in test databases only."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("CREATE TABLE test_clock (shift interval NOT NULL)")
        cursor.execute("INSERT INTO test_clock VALUES (interval '0')")
        cursor.execute(
            "CREATE OR REPLACE FUNCTION app_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE "
            "AS 'SELECT clock_timestamp() + (SELECT shift FROM test_clock)'"
        )


@pytest.fixture(autouse=True)
def _empty_cache(request):
    """Rate limits and caches of one test never reach the next."""
    if "db" in request.fixturenames or "transactional_db" in request.fixturenames:
        cache.clear()


@pytest.fixture
def travel(db) -> Callable[..., None]:
    """Move `app_now()`: `travel(hours=2)` from the present, `travel(to=moment)` to a moment."""

    def move(*, to: datetime | None = None, **delta: float) -> None:
        with connection.cursor() as cursor:
            if to is not None:
                cursor.execute("UPDATE test_clock SET shift = %s - clock_timestamp()", [to])
            else:
                cursor.execute("UPDATE test_clock SET shift = shift + %s", [timedelta(**delta)])

    yield move
    with connection.cursor() as cursor:
        cursor.execute("UPDATE test_clock SET shift = interval '0'")


@pytest.fixture
def desk(db):
    """The desk as a new installation has it: preset `essencial`, its mailboxes and texts."""
    from tickets.presets import load_preset

    load_preset("essencial")


@pytest.fixture
def person(desk):
    """Make a person of the team: `person("livia", "agent", "suporte")`; password `uma frase de teste`."""
    from helpdesk.people.models import User
    from tickets.models import Department, Membership

    def make(name: str, role: str = "agent", department: str | None = "suporte") -> User:
        user = User.objects.filter(email=f"{name}@equipe.example").first()
        user = user or User.objects.create_user(
            f"{name}@equipe.example", "uma frase de teste", name=f"{name.title()} Teste"
        )
        place = Department.objects.get(key=department) if department else None
        Membership.objects.create(user=user, role=role, department=place)
        return user

    return make


@pytest.fixture
def arrive(desk):
    """Let raw mail arrive at a department and be processed; returns the newest entry."""
    from channels_inbox.adapters.email import mail_envelope
    from channels_inbox.inbox import process_due, store
    from channels_inbox.models import Channel
    from tests.mails import mail
    from tickets.models import ThreadEntry
    from tickets.reactions import react_due

    def run(raw: bytes | None = None, *, department: str = "suporte", react: bool = True, **headers: object):
        channel = Channel.objects.get(key=f"email-{department}")
        headers.setdefault("to", channel.address)
        store(channel, [mail_envelope(raw if raw is not None else mail(**headers))])
        while process_due():
            pass
        while react and react_due():
            pass
        return ThreadEntry.objects.filter(inbound__isnull=False).order_by("-inbound_id").first()

    return run
