"""Entering and leaving: one answer for every wrong pair, pauses, new ids, and no way around the code (R-426)."""

import re

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, get_resolver, reverse

from helpdesk.people.models import AuditEntry, LoginSession, User
from tests.helpdesk.accounts.conftest import PASSWORD, audited

pytestmark = pytest.mark.django_db


def test_password_opens_the_desk_and_is_audited(person, sign_in):
    livia = person("livia")
    client, response = sign_in(livia.email)
    assert (response.status_code, response["Location"]) == (302, "/")
    assert client.session["_auth_user_id"] == str(livia.pk)
    entry = AuditEntry.objects.get(kind="login")
    assert (entry.actor, entry.subject, entry.ip) == (livia, livia.email, "127.0.0.1")


def test_session_gets_a_new_id_at_login(person, sign_in):
    # A16
    client = Client()
    session = client.session
    session["before"] = "kept"
    session.save()
    planted = session.session_key
    sign_in(person("livia").email, client=client)
    assert client.session.session_key != planted
    assert LoginSession.objects.get().session_key == client.session.session_key


def test_session_ends_with_the_browser_unless_ticked(person, sign_in):
    _client, response = sign_in(person("livia").email)
    assert response.cookies["presteza-session"]["max-age"] == ""
    _client, response = sign_in(person("davi").email, fields={"stay": "on"})
    assert response.cookies["presteza-session"]["max-age"] == 7 * 24 * 3600


@pytest.fixture
def hashes(monkeypatch) -> list[int]:
    """Count the password hashes that are computed."""
    counted, encode = [], MD5PasswordHasher.encode

    def count_and_encode(self, *args, **kwargs):
        counted.append(1)
        return encode(self, *args, **kwargs)

    monkeypatch.setattr(MD5PasswordHasher, "encode", count_and_encode)
    return counted


@pytest.mark.parametrize("case", ["wrong password", "unknown", "switched off", "never set"])
def test_every_wrong_pair_reads_alike_and_costs_the_same(person, sign_in, hashes, case):
    # A15: same status, same body, one hash, same statements
    livia, davi, caio = person("livia"), person("davi"), person("caio")
    User.objects.filter(pk=davi.pk).update(is_active=False)
    caio.set_unusable_password()
    caio.save()
    addresses = {"wrong password": livia.email, "switched off": davi.email, "never set": caio.email}
    address = addresses.get(case, "ninguem@equipe.example")
    password = PASSWORD if case == "switched off" else "outra frase qualquer"
    sign_in("base@equipe.example", password)  # what only a first request does

    def outcome(to: str) -> tuple:
        hashes.clear()
        with CaptureQueriesContext(connection) as queries:
            _client, response = sign_in(to, password)
        body = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", response.content.decode())
        return response.status_code, body.replace(to, "…"), len(queries), len(hashes)

    assert outcome(address) == outcome("outra@equipe.example")
    assert len(hashes) == 1


def test_tenth_failure_pauses_the_account_and_says_until_when(person, sign_in, travel):
    # R-426, A15
    livia = person("livia")
    for _n in range(9):
        assert sign_in(livia.email, "errada de novo")[1].status_code == 200
    response = sign_in(livia.email, "errada de novo")[1]
    assert response.status_code == 429
    assert "Pausa de 15 minutos" in response.content.decode()
    assert re.search(r"a partir de \d+h\d\d", response.content.decode())
    assert "tentativas restantes" not in response.content.decode()

    client, response = sign_in(livia.email)  # the right password, during the pause
    assert response.status_code == 429
    assert "_auth_user_id" not in client.session
    assert audited()[-2:] == ["login_failed", "login_paused"]

    travel(minutes=16)
    assert sign_in(livia.email)[1].status_code == 302


def test_unknown_accounts_are_paused_alike(desk, sign_in):
    answers = [sign_in("ninguem@equipe.example", "errada de novo")[1].status_code for _n in range(11)]
    assert answers == [200] * 9 + [429, 429]


def test_many_accounts_from_one_address_are_blocked(person, sign_in):
    # A15: 100 failures an hour and address
    for n in range(100):
        sign_in(f"pessoa{n}@equipe.example", "errada de novo", REMOTE_ADDR="203.0.113.9")
    livia = person("livia")
    assert sign_in(livia.email, REMOTE_ADDR="203.0.113.9")[1].status_code == 429
    assert sign_in(livia.email, REMOTE_ADDR="203.0.113.10")[1].status_code == 302


def test_ipv6_counts_by_network(desk):
    from django.test import RequestFactory

    from helpdesk.accounts.limits import address_of

    addresses = ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1")
    networks = [address_of(RequestFactory().get("/", REMOTE_ADDR=text)) for text in addresses]
    assert networks == ["2001:db8:1:2::/64", "2001:db8:1:2::/64", "2001:db8:1:3::/64"]


def test_success_forgets_the_failures_of_the_account(person, sign_in):
    livia = person("livia")
    for _round in range(2):
        for _n in range(9):
            sign_in(livia.email, "errada de novo")
        assert sign_in(livia.email)[1].status_code == 302


@pytest.mark.parametrize(
    "target",
    [
        "https://mau.example/",
        "//mau.example/",
        "/\\mau.example",
        "javascript:alert(1)",
        "http:mau.example",
        "mau",
    ],
)
def test_login_never_redirects_elsewhere(person, sign_in, target):
    _client, response = sign_in(person("livia").email, fields={"next": target})
    assert response["Location"] == "/"


def test_login_returns_to_the_page_asked_for(person, sign_in):
    _client, response = sign_in(person("livia").email, fields={"next": "/chamados/3/?aba=notas"})
    assert response["Location"] == "/chamados/3/?aba=notas"


def test_sign_out_needs_a_post_and_ends_the_session(person, sign_in):
    client, _response = sign_in(person("livia").email)
    key = client.session.session_key
    assert client.get(reverse("account_logout")).status_code == 405
    assert client.post(reverse("account_logout"))["Location"] == reverse("account_login")
    assert not LoginSession.objects.exists()
    thief = Client()
    thief.cookies["presteza-session"] = key
    assert thief.get(reverse("mfa_index")).status_code == 302
    assert audited() == ["login", "logout"]


def test_csrf_token_is_demanded(person):
    # A28
    client = Client(enforce_csrf_checks=True)
    fields = {"email": person("livia").email, "password": PASSWORD}
    assert client.post(reverse("account_login"), fields).status_code == 403


def test_only_our_own_account_pages_exist():
    """No signup, no mail management, no other page of allauth."""
    under = next(each for each in get_resolver().url_patterns if str(each.pattern) == "conta/")
    assert sorted(route.name for route in under.url_patterns) == [
        "account_change_password", "account_end_session", "account_invitation", "account_login", "account_logout",
        "account_reset_password", "account_reset_password_from_key", "mfa_activate_totp", "mfa_authenticate",
        "mfa_deactivate_totp", "mfa_download_recovery_codes", "mfa_generate_recovery_codes", "mfa_index",
        "mfa_view_recovery_codes", "set_language",
    ]  # fmt: skip
    for name in (
        "account_signup",
        "account_email",
        "account_reauthenticate",
        "account_inactive",
        "mfa_list_webauthn",
    ):
        with pytest.raises(NoReverseMatch):
            reverse(name)


def test_language_of_the_person_speaks_after_login(person, sign_in):
    livia = person("livia")
    User.objects.filter(pk=livia.pk).update(language="en")
    client = Client()
    assert "Entrar no Presteza" in client.get(reverse("account_login")).content.decode()
    _client, response = sign_in(livia.email, client=client)
    assert response.cookies["presteza-lang"].value == "en"
    assert 'lang="en"' in client.get(reverse("account_change_password")).content.decode()
    client.post(reverse("account_logout"))
    assert "Sign in to Presteza" in client.get(reverse("account_login")).content.decode()


def test_language_can_be_switched_before_login(db):
    client = Client()
    client.post(reverse("set_language"), {"language": "en", "next": reverse("account_login")})
    assert "Sign in to Presteza" in client.get(reverse("account_login")).content.decode()
