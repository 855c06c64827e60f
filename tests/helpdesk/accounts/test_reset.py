"""A forgotten password: one link, once, within the hour, and no word about whether an address exists (R-426)."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from channels_inbox.models import OutboundMessage
from helpdesk.accounts import second_factor
from helpdesk.people.models import LoginSession, PasswordReset, User
from tests.helpdesk.accounts.conftest import PASSWORD, audited, last_mail, link_of

pytestmark = pytest.mark.django_db
NEW = "outra frase bem longa"


def ask(address: str, **extra):
    return Client().post(reverse("account_reset_password"), {"email": address}, **extra)


def test_link_sets_a_new_password_and_ends_every_session(person, sign_in):
    livia = person("livia")
    client, _response = sign_in(livia.email)
    ask(livia.email)
    path = link_of(last_mail())
    browser = Client()
    assert browser.get(path).status_code == 200
    response = browser.post(path, {"password": NEW})
    assert (response.status_code, response["Location"]) == (302, reverse("account_login"))
    assert client.get(reverse("account_change_password")).status_code == 302  # the old session is over
    assert not LoginSession.objects.exists()
    assert sign_in(livia.email)[1].status_code == 200
    assert sign_in(livia.email, NEW)[1].status_code == 302
    assert audited()[:3] == ["login", "reset_requested", "password_reset"]


def test_link_works_once(person):
    # each link twice
    ask(person("livia").email)
    path = link_of(last_mail())
    assert Client().post(path, {"password": NEW}).status_code == 302
    again = Client().post(path, {"password": "mais uma frase longa"})
    assert again.status_code == 404
    assert "Este link já foi usado ou venceu" in again.content.decode()


def test_link_is_dead_after_an_hour(person, travel):
    # and late
    ask(person("livia").email)
    path = link_of(last_mail())
    travel(minutes=59)
    assert Client().get(path).status_code == 200
    travel(minutes=2)
    assert Client().get(path).status_code == 404


def test_looking_at_the_link_uses_nothing_up(person):
    ask(person("livia").email)
    path = link_of(last_mail())
    for _n in range(3):
        response = Client().get(path)
    assert response.status_code == 200
    assert response["Referrer-Policy"] == "strict-origin"  # A13: never the path
    assert Client().post(path, {"password": NEW}).status_code == 302


def test_reset_does_not_skip_the_second_factor(person, sign_in, with_totp):
    # A14
    livia = person("livia")
    with_totp(livia)
    ask(livia.email)
    Client().post(link_of(last_mail()), {"password": NEW})
    client, response = sign_in(livia.email, NEW)
    assert response["Location"] == reverse("mfa_authenticate")
    assert "_auth_user_id" not in client.session
    assert second_factor.has_second_factor(livia)


def test_login_waiting_for_its_code_ends_with_the_reset(person, sign_in, with_totp):
    livia = person("livia")
    code = with_totp(livia)
    client, _response = sign_in(livia.email)
    ask(livia.email)
    Client().post(link_of(last_mail()), {"password": NEW})
    client.post(reverse("mfa_authenticate"), {"code": code()})
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("case", ["unknown", "switched off", "never set"])
def test_known_and_unknown_addresses_get_the_same(person, case):
    # A15: same status, same body, same statements, one queued mail or its stand-in
    livia, davi = person("livia"), person("davi")
    if case == "switched off":
        User.objects.filter(pk=davi.pk).update(is_active=False)
    if case == "never set":
        davi.set_unusable_password()
        davi.save()
    other = "ninguem@equipe.example" if case == "unknown" else davi.email
    ask("base@equipe.example")

    def outcome(address: str):
        rows = OutboundMessage.objects.count()
        with CaptureQueriesContext(connection) as queries:
            response = ask(address)
        body = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", response.content.decode())
        return (
            response.status_code,
            body.replace(address, "…"),
            len(queries),
            OutboundMessage.objects.count() - rows,
        )

    assert outcome(livia.email) == outcome(other)
    assert OutboundMessage.objects.filter(state="queued").get().recipient == livia.email
    stand_in = OutboundMessage.objects.filter(state="cancelled").last()
    assert (stand_in.recipient, bytes(stand_in.payload)) == ("", b"")


def test_an_address_gets_no_more_than_five_mails_an_hour(person):
    livia = person("livia")
    answers = {ask(livia.email).status_code for _n in range(8)}
    assert answers == {200}
    assert OutboundMessage.objects.filter(state="queued").count() == 5


def test_one_address_asking_for_many_has_to_wait(desk):
    answers = [ask(f"pessoa{n}@equipe.example", REMOTE_ADDR="203.0.113.7").status_code for n in range(21)]
    assert answers == [200] * 20 + [429]


@pytest.mark.parametrize("token", ["%25", "*", "null", "%00", "['a']", "a" * 43, "A" * 44, "..%2f..%2fx"])
def test_made_up_tokens_open_nothing(person, token):
    # A14
    ask(person("livia").email)
    assert Client().get(f"/conta/senha/{token}/").status_code == 404
    assert Client().post(f"/conta/senha/{token}/", {"password": NEW}).status_code == 404
    assert User.objects.get().check_password(PASSWORD)


def test_guessing_links_meets_a_pause(person):
    # A13
    person("livia")
    answers = [Client().get(f"/conta/senha/{str(n).zfill(43)}/").status_code for n in range(22)]
    assert answers == [404] * 20 + [429, 429]


def test_only_the_hash_of_the_token_is_kept(person):
    ask(person("livia").email)
    token = link_of(last_mail()).rstrip("/").rsplit("/", 1)[1]
    reset = PasswordReset.objects.get()
    assert len(token) == 43
    assert token.encode() not in bytes(reset.token_hash)


@pytest.mark.parametrize("weak", ["curta", "123456789012", "password1234", "livia@equipe.example"])
def test_weak_passwords_are_refused_with_a_reason(person, weak):
    livia = person("livia")
    ask(livia.email)
    response = Client().post(link_of(last_mail()), {"password": weak})
    assert response.status_code == 200
    assert 'class="error"' in response.content.decode()
    livia.refresh_from_db()
    assert livia.check_password(PASSWORD)


@pytest.mark.parametrize("language", ["pt-br", "en"])
def test_mail_speaks_the_readers_language_and_links_to_the_base_url(person, language, settings):
    # A17: the request's host has no part in it
    livia = person("livia")
    User.objects.filter(pk=livia.pk).update(language=language)
    response = ask(livia.email, HTTP_X_FORWARDED_HOST="mau.example", HTTP_FORWARDED="host=mau.example")
    assert response.status_code == 200
    mail = last_mail()
    plain, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert mail["Subject"] == {"pt-br": "Sua nova senha", "en": "Your new password"}[language]
    assert f"{settings.BASE_URL}/conta/senha/" in plain
    assert f'href="{settings.BASE_URL}/conta/senha/' in html
    assert "mau.example" not in mail.as_string()


def test_forged_host_is_refused(person):
    # A17
    response = Client().get(reverse("account_login"), HTTP_HOST="mau.example")
    assert response.status_code == 400
