"""Secrets of the mail providers: made, shown once, two at a time, withdrawn; never in the trail (R-147, A25)."""

import json

import pytest
from django.urls import reverse

from channels_inbox.models import ProviderSecret
from channels_inbox.provider_secrets import valid_secrets
from helpdesk.people.models import AuditEntry

pytestmark = pytest.mark.django_db
TYPED = "porta:segredo-plantado-47"


def add(room, **data):
    return room.post(reverse("admin:channels_inbox_providersecret_add"), {"kind": "address", **data})


def test_a_secret_is_made_and_shown_once_in_the_addresses(room, settings):
    #
    page = add(room).content.decode()
    (secret,) = valid_secrets("address")
    assert f"://{secret}@" in page
    assert page.count("/canais/anymail/") == 4
    listed = room.get(reverse("admin:channels_inbox_providersecret_changelist")).content.decode()
    row = ProviderSecret.objects.get()
    shown = room.get(reverse("admin:channels_inbox_providersecret_change", args=[row.pk])).content.decode()
    assert secret.split(":")[1] not in listed + shown
    assert secret.encode() not in bytes(row.sealed)


def test_the_old_one_holds_until_it_is_withdrawn(room):
    #
    add(room, value=TYPED)
    add(room)
    page = room.get(reverse("admin:channels_inbox_providersecret_changelist")).content.decode()
    assert "antigo, ainda vale" in page
    old = ProviderSecret.objects.earliest("id")
    url = reverse("admin:channels_inbox_providersecret_delete", args=[old.pk])
    assert room.post(url, {"post": "yes"}).status_code == 302
    assert TYPED not in valid_secrets("address")
    assert len(valid_secrets("address")) == 1
    kinds = AuditEntry.objects.order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["providersecret_added"] * 2 + ["providersecret_removed"]
    trail = json.dumps(list(AuditEntry.objects.values("subject", "before", "after")))
    assert "plantado" not in trail


@pytest.mark.parametrize(
    "data",
    [
        {"value": "sem-dois-pontos-nenhum"}, {"value": "porta:curta"}, {"value": "porta:com espaço e mais"},
        {"value": "por@ta:frase-de-teste-1"}, {"kind": "mailgun"}, {"kind": "mailgun", "value": "chavé-de-teste"},
        {"kind": "outro", "value": TYPED},
    ],
)  # fmt: skip
def test_what_could_not_work_is_refused(room, data):
    assert add(room, **data).context["errors"]
    assert not ProviderSecret.objects.exists()


def test_a_signing_key_is_kept_and_not_shown(room):
    page = add(room, kind="mailgun", value="chave-da-mailgun-1").content.decode()
    assert "chave-da-mailgun-1" not in page
    assert valid_secrets("mailgun") == ["chave-da-mailgun-1"]
