"""Joining the team: one use, 72 hours, only the hash kept, memberships given at acceptance (R-426, A14)."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.urls import reverse

from helpdesk.accounts.invitations import invite, reinvite
from helpdesk.people.models import Invitation, User
from tests.helpdesk.accounts.conftest import PASSWORD, audited, last_mail, link_of
from tickets.memberships import switch_off
from tickets.models import Department, Membership

pytestmark = pytest.mark.django_db


@pytest.fixture
def renata(person):
    return person("renata", "admin", None)


@pytest.fixture
def invited(renata):
    rows = [
        ("agent", Department.objects.get(key="suporte")),
        ("leader", Department.objects.get(key="financeiro")),
    ]
    return invite(renata, email="Livia@Equipe.example", name="Lívia Sampaio", memberships=rows)


def test_accepting_makes_the_account_and_signs_in(invited, renata):
    mail = last_mail()
    assert (mail["To"], mail["Subject"]) == ("livia@equipe.example", "Convite para a equipe de Presteza")
    client = Client()
    page = client.get(link_of(mail)).content.decode()
    assert "Renata Teste convidou você para a equipe de Presteza" in page
    assert 'value="Lívia Sampaio"' in page
    response = client.post(link_of(mail), {"name": "Lívia  Sampaio", "password": PASSWORD})
    assert (response.status_code, response["Location"]) == (302, "/")
    livia = User.objects.get(email="livia@equipe.example")
    assert client.session["_auth_user_id"] == str(livia.pk)
    assert livia.name == "Lívia Sampaio"
    assert set(livia.memberships.values_list("role", "department__key")) == {
        ("agent", "suporte"), ("leader", "financeiro"),
    }  # fmt: skip
    assert audited() == ["invited", "memberships_changed", "invitation_accepted", "login"]
    assert Invitation.objects.get().user == livia


def test_link_works_once(invited):
    path = link_of(last_mail())
    Client().post(path, {"name": "Lívia", "password": PASSWORD})
    again = Client().post(path, {"name": "Outra", "password": "mais uma frase longa"})
    assert again.status_code == 404
    assert "Este link já foi usado ou venceu" in again.content.decode()
    assert User.objects.get(email="livia@equipe.example").name == "Lívia"


def test_link_is_dead_after_72_hours(invited, travel):
    path = link_of(last_mail())
    travel(hours=71)
    assert Client().get(path).status_code == 200
    travel(hours=2)
    assert Client().post(path, {"name": "Lívia", "password": PASSWORD}).status_code == 404
    assert not User.objects.filter(email="livia@equipe.example").exists()


def test_inviting_again_kills_the_old_link(invited, renata, travel):
    old = link_of(last_mail())
    travel(hours=80)
    reinvite(renata, invited)
    new = link_of(last_mail())
    assert Client().get(old).status_code == 404
    assert Client().get(new).status_code == 200
    assert audited() == ["invited", "invited_again"]


def test_second_invitation_replaces_the_first(invited, renata):
    invite(renata, email="livia@equipe.example", name="Lívia", memberships=[("dpo", None)])
    assert Invitation.objects.get().memberships == [["dpo", None]]


def test_only_who_may_write_accounts_invites(person, invited):
    leader = person("caio", "leader")
    with pytest.raises(PermissionDenied):
        invite(leader, email="novo@equipe.example", name="Novo")
    with pytest.raises(PermissionDenied):
        reinvite(leader, invited)


def test_known_addresses_and_impossible_rows_are_refused(renata):
    with pytest.raises(ValidationError):
        invite(renata, email="RENATA@equipe.example", name="Eu")
    with pytest.raises(ValidationError):
        invite(renata, email="novo@equipe.example", name="Novo", memberships=[("agent", None)])
    with pytest.raises(ValidationError):
        invite(renata, email="novo@equipe.example", name="Novo", memberships=[("customer", None)])


def test_invitations_of_somebody_switched_off_are_worth_nothing(invited, renata, person):
    other = person("otto", "admin", None)
    path = link_of(last_mail())
    switch_off(other, renata)
    assert Client().get(path).status_code == 404


def test_department_gone_meanwhile_is_left_out(invited):
    Department.objects.filter(key="financeiro").update(key="velho")
    Membership.objects.all().filter(department__key="velho").delete()
    from tickets.models import ChannelPolicy

    ChannelPolicy.objects.filter(department__key="velho").delete()
    Department.objects.get(key="velho").delete()
    Client().post(link_of(last_mail()), {"name": "Lívia", "password": PASSWORD})
    livia = User.objects.get(email="livia@equipe.example")
    assert list(livia.memberships.values_list("role", flat=True)) == ["agent"]


def test_invited_person_decides_name_and_password_only(invited):
    # A09
    extra = {"email": "x@mau.example", "is_superuser": "on", "role": "admin", "security_stamp": "9"}
    Client().post(link_of(last_mail()), {"name": "Lívia", "password": PASSWORD, **extra})
    livia = User.objects.get(name="Lívia")
    assert (livia.email, livia.is_superuser) == ("livia@equipe.example", False)
    assert not livia.memberships.filter(role="admin").exists()


def test_roles_that_need_it_go_on_to_the_second_factor(invited, settings):
    settings.REQUIRE_SECOND_FACTOR = True
    client = Client()
    client.post(link_of(last_mail()), {"name": "Lívia", "password": PASSWORD})
    assert client.get("/")["Location"] == reverse("mfa_activate_totp")
