"""The first start tells every login once; the second changes nothing and tells none."""

import io
import re

import pytest
from django.core.management import call_command

from helpdesk.people.models import User
from tickets.models import Department, Ticket

pytestmark = pytest.mark.django_db(transaction=True)


def prepare(**options: bool) -> tuple[str, str]:
    """Return what the person reads, and what goes to the log."""
    said, log = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stderr", log)
        call_command("prepare", stdout=said, **options)
    return said.getvalue(), log.getvalue()


@pytest.fixture(autouse=True)
def _portuguese(monkeypatch, settings, tmp_path):
    monkeypatch.setenv("LC_ALL", "pt_BR.UTF-8")
    settings.ATTACHMENTS_DIR = tmp_path / "attachments"


def test_the_first_start_shows_the_demonstration_and_its_logins_once():
    #
    said, log = prepare()
    assert Ticket.objects.count() == 30
    assert Department.objects.get(is_default=True).key == "triagem"
    for email, password in (
        ("livia", r"a senha (\S+):"),
        ("admin", r"admin@presteza.example\s+senha: (\S+)"),
    ):
        secret = re.search(password, said)[1]
        assert User.objects.get(email=f"{email}@presteza.example").check_password(secret)
        assert secret not in log
    assert "suporte@presteza.example" in said
    assert "/correio/" in said
    again, _log = prepare()
    assert "senha" not in again
    assert Ticket.objects.count() == 30
    assert Department.objects.count() == 8


def test_a_start_without_demonstration_has_the_small_preset():
    prepare(no_demo=True)
    assert not Ticket.objects.exists()
    assert [person.email for person in User.objects.all()] == ["admin@presteza.example"]
    assert list(Department.objects.values_list("key", flat=True)) == ["suporte", "financeiro", "comercial"]
    prepare()  # the demonstration belongs to the first start
    assert not Ticket.objects.exists()
