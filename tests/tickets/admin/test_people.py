"""People are invited, placed and switched off; nothing else of them is written here (A09)."""

import pytest
from allauth.mfa.models import Authenticator
from django.urls import reverse

from helpdesk.people.models import AuditEntry, Invitation, User
from tests.tickets.admin.conftest import enter
from tickets.models import Department, Membership

pytestmark = pytest.mark.django_db


def places(*rows, prefix="places", initial=0):
    """Return the form rows of memberships: (role, department[, id])."""
    data = {f"{prefix}-TOTAL_FORMS": str(len(rows)), f"{prefix}-INITIAL_FORMS": str(initial)}
    for number, (role, department, *rest) in enumerate(rows):
        data[f"{prefix}-{number}-role"] = role
        data[f"{prefix}-{number}-department"] = str(department.pk) if department else ""
        if rest:
            data[f"{prefix}-{number}-id"] = str(rest[0])
    return data


@pytest.fixture
def support(desk):
    return Department.objects.get(key="suporte")


def invite(room, support, **changes):
    form = {"name": "Caio Menezes", "email": "caio@equipe.example", **places(("agent", support), ("", None))}
    return room.post(reverse("admin:people_user_invite"), {**form, **changes})


def test_an_invitation_is_sent_with_its_roles(room, support):
    assert invite(room, support, is_superuser="on", password="x").status_code == 302
    invitation = Invitation.objects.get(email="caio@equipe.example")
    assert invitation.memberships == [["agent", support.pk]]
    assert not User.objects.filter(email="caio@equipe.example").exists()


def test_a_known_address_and_a_role_without_its_department_are_refused(room, support, person):
    person("livia")
    answer = invite(room, support, email="livia@equipe.example")
    assert answer.status_code == 200
    assert answer.context["form"].non_field_errors()
    answer = invite(room, support, **places(("agent", None)))
    assert answer.status_code == 200
    assert not Invitation.objects.exists()


def test_an_invitation_is_sent_again_or_withdrawn(room, support):
    invite(room, support)
    first = Invitation.objects.get()
    room.post(reverse("admin:people_invitation_reinvite", args=[first.pk]))
    again = Invitation.objects.get()
    assert bytes(again.token_hash) != bytes(first.token_hash)
    room.post(reverse("admin:people_invitation_withdraw", args=[first.pk]))
    assert not Invitation.objects.exists()
    assert AuditEntry.objects.filter(kind="invitation_withdrawn").exists()


def person_form(user, *rows, **changes):
    inline = places(*rows, prefix="memberships", initial=sum(len(row) > 2 for row in rows))
    return {"name": user.name, "language": "pt-br", **inline, **changes}


def test_roles_are_changed_by_their_one_writer(room, person, support):
    livia = person("livia")
    browser = enter(livia)
    assert browser.get("/").status_code == 200
    row = livia.memberships.get()
    money = Department.objects.get(key="financeiro")
    form = person_form(livia, ("leader", support, row.pk), ("finance", money), ("", None))
    assert room.post(reverse("admin:people_user_change", args=[livia.pk]), form).status_code == 302
    assert set(livia.memberships.values_list("role", "department__key")) == {
        ("leader", "suporte"),
        ("finance", "financeiro"),
    }
    assert AuditEntry.objects.filter(kind="memberships_changed", subject=livia.email).exists()
    assert browser.get("/").status_code == 302  # A16: the old session ended


def test_a_role_is_removed_by_its_tick(room, person, support):
    livia = person("livia")
    row = livia.memberships.get()
    form = person_form(livia, ("agent", support, row.pk), **{"memberships-0-DELETE": "on"})
    room.post(reverse("admin:people_user_change", args=[livia.pk]), form)
    assert not Membership.objects.filter(user=livia).exists()


def test_extra_fields_change_nothing(room, person, support):
    # A09
    livia = person("livia")
    before = User.objects.values().get(pk=livia.pk)
    forbidden = {
        "is_superuser": "on", "is_staff": "on", "is_active": "", "password": "x", "email": "boss@equipe.example",
        "security_stamp": "9", "groups": "1", "user_permissions": "1", "date_joined": "2020-01-01", "id": "1",
    }  # fmt: skip
    form = person_form(livia, ("agent", support, livia.memberships.get().pk), **forbidden)
    assert room.post(reverse("admin:people_user_change", args=[livia.pk]), form).status_code == 302
    assert User.objects.values().get(pk=livia.pk) == before


def test_no_password_stands_on_a_page(room, person):
    livia = person("livia")
    page = room.get(reverse("admin:people_user_change", args=[livia.pk])).content.decode()
    assert livia.password not in page
    assert "is_superuser" not in page
    assert 'type="password"' not in page


def test_a_person_is_switched_off_and_on(room, person):
    livia = person("livia")
    browser = enter(livia)
    room.post(reverse("admin:people_user_switch_off", args=[livia.pk]))
    livia.refresh_from_db()
    assert not livia.is_active
    assert browser.get("/").status_code == 302
    shown = room.get(reverse("admin:people_user_changelist") + "?state=off").context["cl"].result_list
    assert [each.pk for each in shown] == [livia.pk]
    room.post(reverse("admin:people_user_switch_on", args=[livia.pk]))
    livia.refresh_from_db()
    assert livia.is_active


def test_the_last_administrator_stays(room, boss):
    answer = room.post(reverse("admin:people_user_switch_off", args=[boss.pk]), follow=True)
    assert any(message.level_tag == "error" for message in answer.context["messages"])
    form = person_form(boss, ("", None))
    row = boss.memberships.get()
    form = person_form(boss, ("admin", None, row.pk), **{"memberships-0-DELETE": "on"})
    answer = room.post(reverse("admin:people_user_change", args=[boss.pk]), form, follow=True)
    assert any(message.level_tag == "error" for message in answer.context["messages"])
    boss.refresh_from_db()
    assert boss.is_active
    assert boss.memberships.get().role == "admin"


def test_a_lost_second_factor_is_taken_off(room, person):
    #
    livia = person("livia")
    browser = enter(livia)
    Authenticator.objects.create(user=livia, type=Authenticator.Type.TOTP, data={})
    url = reverse("admin:people_user_take_off_factor", args=[livia.pk])
    assert url in room.get(reverse("admin:people_user_change", args=[livia.pk])).content.decode()
    assert room.post(url).status_code == 302
    assert not Authenticator.objects.filter(user=livia).exists()
    assert browser.get("/").status_code == 302
