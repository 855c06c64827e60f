"""The audit trail keeps what it was told: no update, no delete, and where from (R-412)."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import reverse

from helpdesk.people.audit import record
from helpdesk.people.models import AuditEntry

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE people_auditentry SET kind = 'x'",
        "DELETE FROM people_auditentry",
        "UPDATE people_auditentry SET ip = NULL",
    ],
)
def test_database_refuses_changes_of_the_trail(desk, statement):
    record("login", subject="livia@equipe.example")
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert AuditEntry.objects.get().kind == "login"


def test_failed_login_is_kept_with_address_and_without_password(person):
    fields = {"email": "livia@equipe.example", "password": "segredo que vazou"}
    Client().post(reverse("account_login"), fields, REMOTE_ADDR="203.0.113.9")
    entry = AuditEntry.objects.get()
    assert (entry.kind, entry.subject, entry.ip, entry.actor) == (
        "login_failed", "livia@equipe.example", "203.0.113.9", None,
    )  # fmt: skip
    assert "segredo" not in str(entry.__dict__)


def test_forwarded_headers_do_not_name_the_address(person):
    # A17
    fields = {"email": "livia@equipe.example", "password": "errada de novo"}
    forged = {
        "HTTP_X_FORWARDED_FOR": "198.51.100.1",
        "HTTP_FORWARDED": "for=198.51.100.1",
        "HTTP_X_REMOTE_USER": "admin",
    }
    response = Client().post(reverse("account_login"), fields, REMOTE_ADDR="203.0.113.9", **forged)
    assert response.status_code == 200
    assert AuditEntry.objects.get().ip == "203.0.113.9"
