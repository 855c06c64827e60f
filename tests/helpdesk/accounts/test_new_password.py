"""The command that makes a new password: for whom, and what it ends (R-426)."""

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from helpdesk.first_run import ADMIN_EMAIL, new_password
from helpdesk.people.models import User
from tests.helpdesk.accounts.conftest import audited

pytestmark = pytest.mark.django_db


def test_first_administrator_is_made_once(desk):
    first, second = new_password(), new_password()
    assert first[0] == second[0] == ADMIN_EMAIL
    admin = User.objects.get()
    assert admin.check_password(second[1])
    assert list(admin.memberships.values_list("role", flat=True)) == ["admin"]
    assert audited() == ["password_made", "password_made"]


def test_named_person_keeps_the_own_roles_and_loses_the_sessions(person):
    livia = person("livia")
    client = Client()
    client.force_login(livia)
    new_password(livia.email)
    assert list(livia.memberships.values_list("role", flat=True)) == ["agent"]
    assert client.get("/conta/senha/trocar/").status_code == 302


def test_unknown_address_makes_nobody(desk):
    with pytest.raises(CommandError):
        call_command("new_password", "ninguem@equipe.example")
    assert not User.objects.exists()
