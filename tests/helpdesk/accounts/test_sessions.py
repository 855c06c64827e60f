"""How long a session lives, and what ends it: age, the person, a new password, role or state (R-426, A16)."""

import asyncio
import json
import os
import subprocess
import sys
import time

import pytest
import redis
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from helpdesk.lib import sse
from helpdesk.people.access import end_access, end_session, forget_expired_sessions
from helpdesk.people.models import LoginSession
from tests.helpdesk.accounts.conftest import PASSWORD, audited

pytestmark = pytest.mark.django_db
PAGE = "/conta/senha/trocar/"
NEW = "outra frase bem longa"


def is_inside(client: Client) -> bool:
    return client.get(PAGE).status_code == 200


def age(client: Client, **marks: int) -> None:
    session = client.session
    session.update(marks)
    session.save()


def test_session_ends_after_twelve_idle_hours(person, sign_in):
    client, _response = sign_in(person("livia").email)
    age(client, seen=int(time.time()) - 12 * 3600 + 60)
    assert is_inside(client)
    age(client, seen=int(time.time()) - 12 * 3600 - 60)
    assert not is_inside(client)
    assert not LoginSession.objects.exists()


@pytest.mark.parametrize("headers", [{"X-Live": "1"}, {"Accept": "text/event-stream"}])
def test_tab_that_asks_by_itself_does_not_keep_the_session_alive(person, sign_in, headers):
    # a tab left open idles out like a closed one
    client, _response = sign_in(person("livia").email)
    eleven_hours_ago = int(time.time()) - 11 * 3600
    age(client, seen=eleven_hours_ago)
    assert client.get(PAGE, headers=headers).status_code == 200
    assert client.session["seen"] == eleven_hours_ago
    age(client, seen=int(time.time()) - 12 * 3600 - 60)
    assert client.get(PAGE, headers=headers).status_code == 302
    assert not is_inside(client)


def test_session_ends_after_seven_days_however_busy(person, sign_in):
    client, _response = sign_in(person("livia").email, fields={"stay": "on"})
    now = int(time.time())
    age(client, seen=now, since=now - 7 * 24 * 3600 + 60)
    assert is_inside(client)
    age(client, seen=now, since=now - 7 * 24 * 3600 - 60)
    assert not is_inside(client)


def test_fragment_of_an_ended_session_leads_the_page_to_the_login(person, sign_in):
    client, _response = sign_in(person("livia").email)
    client.session.flush()
    response = client.get(PAGE, HTTP_HX_REQUEST="true")
    assert response["HX-Redirect"] == reverse("account_login")


def test_new_password_ends_the_other_sessions_and_keeps_this_one(person, sign_in):
    livia = person("livia")
    here, _response = sign_in(livia.email)
    there, _response = sign_in(livia.email)
    old_key = here.session.session_key
    wrong = here.post(PAGE, {"current": "errada", "password": NEW})
    assert wrong.status_code == 200
    assert is_inside(there)
    assert here.post(PAGE, {"current": PASSWORD, "password": NEW}).status_code == 302
    assert is_inside(here)
    assert not is_inside(there)
    assert here.session.session_key != old_key
    assert [row.session_key for row in LoginSession.objects.all()] == [here.session.session_key]
    assert audited()[-1] == "password_changed"
    livia.refresh_from_db()
    assert livia.check_password(NEW)


def test_changing_the_password_keeps_the_second_factor_passed(person, sign_in, with_totp, settings):
    settings.REQUIRE_SECOND_FACTOR = True
    renata = person("renata", "admin", None)
    code = with_totp(renata)()
    client, _response = sign_in(renata.email)
    client.post(reverse("mfa_authenticate"), {"code": code})
    client.post(PAGE, {"current": PASSWORD, "password": NEW})
    assert is_inside(client)


def test_guessing_the_current_password_meets_the_pause(person, sign_in):
    client, _response = sign_in(person("livia").email)
    answers = [client.post(PAGE, {"current": f"errada {n}", "password": NEW}).status_code for n in range(10)]
    assert answers == [200] * 9 + [429]


def test_end_access_ends_sessions_no_list_knows_of(person):
    livia = person("livia")
    client = Client()
    client.force_login(livia)
    assert is_inside(client)
    end_access(livia)
    assert not is_inside(client)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["all", "one"])
def test_open_event_stream_ends_with_the_session(person, sign_in, how):
    # R-426, A16, A21: within five seconds
    livia = person("livia")
    sign_in(livia.email)
    session = LoginSession.objects.get()

    async def watch() -> list[bytes]:
        stream = sse.hub("tickets").stream(lambda message: True, user_id=livia.pk)
        got = [await anext(stream)]
        await asyncio.to_thread(lambda: end_access(livia) if how == "all" else end_session(session))
        got.extend([chunk async for chunk in stream])
        return got

    got = asyncio.run(asyncio.wait_for(watch(), 5))
    assert len(got) == 1
    assert got[0].startswith(b"retry: 2000\n\nevent: hello\n")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["signs out", "idles out"])
def test_leaving_tells_the_open_streams_to_end(person, sign_in, how):
    # A16, A21, ASVS 7.4.1: the tabs of other sessions reconnect and are let in again
    livia = person("livia")
    client, _response = sign_in(livia.email)
    with redis.Redis.from_url(settings.REDIS_URL).pubsub() as heard:
        heard.subscribe(f"{settings.KEY_PREFIX}:live:tickets")
        assert heard.get_message(timeout=5)["type"] == "subscribe"
        if how == "signs out":
            client.post(reverse("account_logout"))
        else:
            age(client, seen=int(time.time()) - 12 * 3600 - 60)
            client.get(PAGE)
        assert json.loads(heard.get_message(timeout=5)["data"]) == {"revoke": livia.pk}
    assert not is_inside(client)


def test_own_sessions_are_listed_and_can_be_ended(person, sign_in):
    livia = person("livia")
    phone = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36"
    there, _response = sign_in(livia.email, HTTP_USER_AGENT=phone, REMOTE_ADDR="203.0.113.9")
    here, _response = sign_in(livia.email, HTTP_USER_AGENT="Mozilla/5.0 (Windows NT 10.0) Firefox/129.0")
    page = here.get(reverse("mfa_index")).content.decode()
    assert "Chrome · Android" in page
    assert "203.0.113.9" in page
    assert "Firefox · Windows" in page
    assert there.session.session_key not in page  # GLPI CVE-2024-50339
    other = LoginSession.objects.get(device="Chrome · Android")
    assert here.post(reverse("account_end_session", args=[other.pk])).status_code == 302
    assert is_inside(here)
    assert not is_inside(there)
    assert audited()[-1] == "session_ended"


def test_ending_the_own_session_signs_out(person, sign_in):
    client, _response = sign_in(person("livia").email)
    response = client.post(reverse("account_end_session", args=[LoginSession.objects.get().pk]))
    assert response["Location"] == reverse("account_login")
    assert not is_inside(client)


def test_nobody_ends_the_session_of_another(person, sign_in):
    # A07
    victim, _response = sign_in(person("davi").email)
    foreign = LoginSession.objects.get()
    client, _response = sign_in(person("livia").email)
    assert client.post(reverse("account_end_session", args=[foreign.pk])).status_code == 404
    assert client.get(reverse("account_end_session", args=[foreign.pk])).status_code == 405
    assert is_inside(victim)


def test_what_ran_out_is_forgotten(person, sign_in):
    sign_in(person("livia").email)
    Session.objects.update(expire_date="2020-01-01T00:00:00Z")
    assert forget_expired_sessions() == 1
    assert forget_expired_sessions() == 0
    assert not Session.objects.exists()


@pytest.mark.parametrize(
    ("base_url", "session", "csrf", "secure"),
    [
        ("https://atende.empresa.example", "__Host-session", "__Host-csrf", True),
        ("http://127.0.0.1:8000", "presteza-session", "presteza-csrf", None),
        ("http://localhost:8000", "presteza-session", "presteza-csrf", None),
        ("http://atende.empresa.example", "__Host-session", "__Host-csrf", True),
    ],
)
def test_cookies_are_bound_to_the_host_unless_http_on_loopback(base_url, session, csrf, secure):
    # A16
    names = ["SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE"]
    program = (
        "import json, helpdesk.settings as s; "
        f"print(json.dumps([getattr(s, name, None) for name in {names!r}] + [s.SESSION_COOKIE_HTTPONLY, "
        "s.SESSION_COOKIE_SAMESITE, getattr(s, 'SESSION_COOKIE_DOMAIN', None), getattr(s, 'SESSION_COOKIE_PATH', '/'),"
        " getattr(s, 'USE_X_FORWARDED_HOST', False)]))"
    )
    environment = {**os.environ, "BASE_URL": base_url, "SECRET_KEY": "k" * 50}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [session, csrf, secure, secure, True, "Lax", None, "/", False]


def test_cookie_of_a_server_is_secure_and_has_the_host_prefix(person, sign_in, settings):
    settings.SESSION_COOKIE_NAME, settings.SESSION_COOKIE_SECURE = "__Host-session", True
    _client, response = sign_in(person("livia").email, secure=True)
    cookie = response.cookies["__Host-session"]
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"], cookie["path"], cookie["domain"]) == (
        True, True, "Lax", "/", "",
    )  # fmt: skip
