"""The second factor: demanded by role, each code once, five tries, off only where nothing demands it (R-426)."""

import re

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse

from helpdesk.accounts import second_factor
from tests.helpdesk.accounts.conftest import PASSWORD, audited

pytestmark = pytest.mark.django_db


@pytest.fixture
def enforced(settings):
    settings.REQUIRE_SECOND_FACTOR = True


def shown_secret(page: str) -> str:
    return re.search(r"<code>([A-Z2-7 ]+)</code>", page).group(1).replace(" ", "")


def present_code(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, list(yield_hotp_counters_from_time())[1]))


def turn_on(client: Client):
    page = client.get(reverse("mfa_activate_totp")).content.decode()
    fields = {"current": PASSWORD, "code": present_code(shown_secret(page))}
    return client.post(reverse("mfa_activate_totp"), fields)


@pytest.mark.parametrize("role", ["admin", "leader", "finance", "dpo"])
def test_roles_that_need_it_see_nothing_before_it_is_on(person, sign_in, enforced, role):
    client, _response = sign_in(person("renata", role).email)
    for path in (
        "/",
        "/lista/",
        "/admin/",
        "/perfil/",
        reverse("mfa_index"),
        reverse("account_change_password"),
    ):
        assert client.get(path)["Location"] == reverse("mfa_activate_totp")
    assert client.get("/lista/", HTTP_HX_REQUEST="true").status_code == 302
    turn_on(client)
    assert client.get(reverse("account_change_password")).status_code == 200


@pytest.mark.parametrize("role", ["agent", "field", "developer", "product", "commercial"])
def test_other_roles_may_do_without(person, sign_in, enforced, role):
    client, _response = sign_in(person("livia", role).email)
    assert client.get(reverse("account_change_password")).status_code == 200


def test_a_role_in_any_department_is_enough(person, sign_in, enforced):
    person("livia", "agent", "suporte")
    client, _response = sign_in(person("livia", "leader", "financeiro").email)
    assert client.get(reverse("account_change_password"))["Location"] == reverse("mfa_activate_totp")


def test_a_session_that_was_never_asked_for_the_code_ends(person, enforced, with_totp):
    renata = person("renata", "admin", None)
    with_totp(renata)
    client = Client()
    client.force_login(renata)
    assert client.get("/")["Location"] == reverse("account_login") + "?next=/"
    assert "_auth_user_id" not in client.session


def test_setting_up_shows_codes_once_and_the_next_login_asks(person, sign_in):
    livia = person("livia")
    client, _response = sign_in(livia.email)
    assert turn_on(client)["Location"] == reverse("mfa_view_recovery_codes")
    page = client.get(reverse("mfa_view_recovery_codes"))
    codes = second_factor.recovery_codes(livia)
    assert len(codes) == 10
    assert all(f"{code[:4]} {code[4:]}" in page.content.decode() for code in codes)
    assert "no-store" in page["Cache-Control"]
    file = client.get(reverse("mfa_download_recovery_codes"))
    assert file.content.decode().split() == codes
    assert file["Content-Disposition"].startswith("attachment")

    client.post(reverse("mfa_view_recovery_codes"))
    assert client.get(reverse("mfa_view_recovery_codes"))["Location"] == reverse(
        "mfa_generate_recovery_codes"
    )
    assert client.get(reverse("mfa_download_recovery_codes")).status_code == 404
    _client, response = sign_in(livia.email)
    assert response["Location"] == reverse("mfa_authenticate")
    assert "second_factor_on" in audited()


def test_setup_page_keeps_to_the_strict_policy(person, sign_in):
    client, _response = sign_in(person("livia").email)
    response = client.get(reverse("mfa_activate_totp"))
    page = response.content.decode()
    assert '<svg class="qr"' in page
    assert "data:" not in page
    assert "style=" not in page
    assert "no-store" in response["Cache-Control"]


def test_setup_needs_the_password_and_a_fitting_code(person, sign_in):
    client, _response = sign_in(person("livia").email)
    secret = shown_secret(client.get(reverse("mfa_activate_totp")).content.decode())
    wrong_password = client.post(
        reverse("mfa_activate_totp"), {"current": "errada", "code": present_code(secret)}
    )
    wrong_code = client.post(reverse("mfa_activate_totp"), {"current": PASSWORD, "code": "000000"})
    assert (wrong_password.status_code, wrong_code.status_code) == (200, 200)
    assert not Authenticator.objects.exists()
    assert shown_secret(wrong_code.content.decode()) == secret  # the code already scanned stays good


def test_code_opens_and_is_worth_nothing_the_second_time(person, sign_in, with_totp):
    livia = person("livia")
    code = with_totp(livia)()
    client, _response = sign_in(livia.email)
    assert client.post(reverse("mfa_authenticate"), {"code": f"{code[:3]} {code[3:]}"})["Location"] == "/"
    assert client.session["_auth_user_id"] == str(livia.pk)
    again, _response = sign_in(livia.email)
    assert again.post(reverse("mfa_authenticate"), {"code": code}).status_code == 200
    assert "_auth_user_id" not in again.session


def test_code_of_an_earlier_step_is_not_taken_after_a_later_one(person, with_totp):
    livia = person("livia")
    code = with_totp(livia)
    assert second_factor.check_code(livia, code(2)) == "totp"
    assert second_factor.check_code(livia, code(1)) == ""


def test_recovery_code_works_once(person, sign_in, with_totp):
    livia = person("livia")
    with_totp(livia)
    code = second_factor.recovery_codes(livia)[3]
    client, _response = sign_in(livia.email)
    assert client.get(reverse("mfa_authenticate") + "?reserva").status_code == 200
    assert client.post(reverse("mfa_authenticate"), {"code": code}).status_code == 302
    again, _response = sign_in(livia.email)
    assert again.post(reverse("mfa_authenticate"), {"code": code}).status_code == 200
    assert len(second_factor.recovery_codes(livia)) == 9
    assert "recovery_code_used" in audited()


def test_five_wrong_codes_lock(person, sign_in, with_totp, travel):
    # R-426, A15
    livia = person("livia")
    code = with_totp(livia)
    client, _response = sign_in(livia.email)
    answers = [client.post(reverse("mfa_authenticate"), {"code": f"00000{n}"}).status_code for n in range(5)]
    assert answers == [200] * 4 + [429]
    other, _response = sign_in(livia.email)  # another browser, and the right code
    paused = other.post(reverse("mfa_authenticate"), {"code": code()})
    assert paused.status_code == 429
    assert "Pausa de 15 minutos" in paused.content.decode()
    assert audited().count("second_factor_paused") == 1

    travel(minutes=16)
    client, _response = sign_in(livia.email)
    assert client.post(reverse("mfa_authenticate"), {"code": code()}).status_code == 302


def test_half_a_login_opens_nothing(person, sign_in, with_totp):
    livia = person("livia")
    with_totp(livia)
    client, _response = sign_in(livia.email)
    for name in ("mfa_index", "mfa_activate_totp", "mfa_view_recovery_codes", "account_change_password"):
        assert client.get(reverse(name))["Location"].startswith(reverse("account_login"))


def test_code_page_needs_a_password_first(db):
    assert Client().get(reverse("mfa_authenticate"))["Location"] == reverse("account_login")


@pytest.mark.parametrize("code", ["", "12345", "1234567", "１２３４５６", "abcdef", "123456\x00", "9" * 300])
def test_what_is_no_code_is_refused_kindly(person, sign_in, with_totp, code):
    livia = person("livia")
    with_totp(livia)
    client, _response = sign_in(livia.email)
    assert client.post(reverse("mfa_authenticate"), {"code": code}).status_code == 200


def test_turning_off_asks_the_password(person, sign_in, with_totp):
    livia = person("livia")
    code = with_totp(livia)()
    client, _response = sign_in(livia.email)
    client.post(reverse("mfa_authenticate"), {"code": code})
    assert client.post(reverse("mfa_deactivate_totp"), {"current": "errada"}).status_code == 200
    assert second_factor.has_second_factor(livia)
    assert client.post(reverse("mfa_deactivate_totp"), {"current": PASSWORD}).status_code == 302
    assert not Authenticator.objects.exists()
    assert audited()[-1] == "second_factor_off"


def test_nobody_turns_off_what_the_role_demands(person, sign_in, with_totp, enforced):
    renata = person("renata", "admin", None)
    code = with_totp(renata)()
    client, _response = sign_in(renata.email)
    client.post(reverse("mfa_authenticate"), {"code": code})
    assert client.post(reverse("mfa_deactivate_totp"), {"current": PASSWORD})["Location"] == reverse(
        "mfa_index"
    )
    assert second_factor.has_second_factor(renata)


def test_new_recovery_codes_replace_the_old(person, sign_in, with_totp):
    livia = person("livia")
    code = with_totp(livia)()
    old = second_factor.recovery_codes(livia)
    client, _response = sign_in(livia.email)
    client.post(reverse("mfa_authenticate"), {"code": code})
    assert client.post(reverse("mfa_generate_recovery_codes"), {"current": "errada"}).status_code == 200
    assert second_factor.recovery_codes(livia) == old
    client.post(reverse("mfa_generate_recovery_codes"), {"current": PASSWORD})
    assert set(old).isdisjoint(second_factor.recovery_codes(livia))
    assert second_factor.check_code(livia, old[0]) == ""


def test_secrets_are_encrypted_at_rest(person, sign_in, with_totp):
    # A25
    from django.contrib.sessions.models import Session

    client, _response = sign_in(person("livia").email)
    secret = shown_secret(client.get(reverse("mfa_activate_totp")).content.decode())
    assert all(secret not in str(session.get_decoded()) for session in Session.objects.all())
    turn_on(client)
    kept = " ".join(str(row.data) for row in Authenticator.objects.all())
    assert secret not in kept
    assert "gAAAA" in kept


def test_administrator_takes_a_lost_second_factor_off(person, sign_in, with_totp):
    renata, livia = person("renata", "admin", None), person("livia", "leader")
    code = with_totp(livia)()
    client, _response = sign_in(livia.email)
    client.post(reverse("mfa_authenticate"), {"code": code})
    with pytest.raises(PermissionDenied):
        second_factor.take_off(livia, renata)
    second_factor.take_off(renata, livia)
    assert not second_factor.has_second_factor(livia)
    assert client.get(reverse("account_change_password")).status_code == 302
    assert audited()[-1] == "second_factor_taken_off"
