"""Every page of the set-up room opens for whom the rights table names, in Portuguese, and for nobody else."""

import re
from pathlib import Path

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from channels_inbox.adapters.email import mail_envelope
from channels_inbox.inbox import store
from channels_inbox.models import Channel, InboundMessage, ProviderSecret, Replay
from channels_inbox.provider_secrets import keep_secret
from helpdesk.accounts.invitations import invite
from helpdesk.people.audit import record
from helpdesk.people.models import AuditEntry, Backup, User
from helpdesk.people.site import site_settings
from tests.mails import mail
from tests.tickets.admin.conftest import enter
from tickets.admin.audit import KINDS
from tickets.models import Department, Reaction

pytestmark = pytest.mark.django_db


def pages() -> list[tuple[str, str]]:
    return [(m._meta.app_label, m._meta.model_name) for m in admin.site._registry]


@pytest.fixture
def rows(arrive, boss):
    """One row for every page."""
    site_settings()
    arrive()
    record("login", actor=boss, subject=boss.email)
    invite(boss, email="nova@equipe.example", name="Nova Pessoa")
    Reaction.objects.update(state="dead", last_error="ValueError")
    keep_secret(ProviderSecret(), "presteza:frase-de-teste")
    Backup.objects.create(state="dead", last_error="<b>muitas")
    Replay.objects.create(asked_by=boss, wanted=[1], position=1, found={"same": 1})
    store(Channel.objects.get(key="email-suporte"), [mail_envelope(mail(subject="outra"))])
    InboundMessage.objects.filter(state="new").update(
        state="dead", last_error="ParseError: <b>muitas partes</b>"
    )


def test_only_our_own_pages_are_registered():
    # A09: no page of an app that shows password hashes, second factors or permissions
    assert sorted(pages()) == [
        ("channels_inbox", "channel"), ("channels_inbox", "inboundmessage"), ("channels_inbox", "outboundmessage"),
        ("channels_inbox", "providersecret"), ("channels_inbox", "replay"),
        ("people", "auditentry"), ("people", "backup"), ("people", "invitation"),
        ("people", "sitesettings"), ("people", "user"),
        ("tickets", "department"), ("tickets", "reaction"), ("tickets", "systemtext"),
    ]  # fmt: skip


def test_every_page_opens_for_an_administrator(room, rows):
    for app, model in pages():
        answer = room.get(reverse(f"admin:{app}_{model}_changelist"), follow=True)
        assert answer.status_code == 200, model
        first = admin.site._registry[_model(app, model)].get_queryset(answer.wsgi_request).first()
        assert first is not None, model
        page = room.get(reverse(f"admin:{app}_{model}_change", args=[first.pk]))
        assert page.status_code == 200, model
        assert b"<b>muitas" not in page.content
        assert b"style=" not in page.content
        assert b"<script>" not in page.content


def _model(app: str, model: str):
    from django.apps import apps

    return apps.get_model(app, model)


def test_absent_rows_are_not_found(room, rows):
    for app, model in pages():
        for key in ("999999", "99999999999999999999999", "abc", "_00"):
            url = reverse(f"admin:{app}_{model}_change", args=[key])
            assert room.get(url).status_code == 404, url


def test_strangers_go_to_the_one_login_page(client, db):
    answer = client.get(reverse("admin:index"))
    assert (answer.status_code, answer["Location"]) == (302, reverse("account_login") + "?next=/admin/")


def test_agents_and_leaders_do_not_enter(person):
    # settings_write, user_write and audit_read are the administrator's (and audit_read the DPO's)
    for name, role in (("livia", "agent"), ("bruna", "leader")):
        browser = enter(person(name, role))
        assert browser.get(reverse("admin:index")).status_code == 403
        assert browser.get(reverse("admin:people_user_changelist")).status_code == 403


def test_the_dpo_reads_the_trail_and_nothing_else(person, rows):
    browser = enter(person("dora", "dpo", None))
    assert browser.get(reverse("admin:index")).status_code == 200
    assert browser.get(reverse("admin:people_auditentry_changelist")).status_code == 200
    for page in ("people_user", "people_sitesettings", "channels_inbox_channel", "tickets_department"):
        answer = browser.get(reverse(f"admin:{page}_changelist"), follow=True)
        assert answer.status_code == 403, page
    inbound = InboundMessage.objects.get(state="dead")
    assert (
        browser.get(reverse("admin:channels_inbox_inboundmessage_raw", args=[inbound.pk])).status_code == 403
    )
    again = reverse("admin:channels_inbox_inboundmessage_try_again", args=[inbound.pk])
    assert browser.post(again).status_code == 403
    assert InboundMessage.objects.get(pk=inbound.pk).state == "dead"


def test_the_trail_is_read_only(room, rows):
    entry = AuditEntry.objects.first()
    url = reverse("admin:people_auditentry_change", args=[entry.pk])
    assert room.post(url, {"subject": "outro"}).status_code == 403
    assert "_save" not in room.get(url).content.decode()


def test_the_trail_is_filtered_by_kind_and_person(room, rows, boss):
    url = reverse("admin:people_auditentry_changelist")
    page = room.get(url, {"kind": "login", "actor": str(boss.pk)})
    assert page.status_code == 200, page.headers
    assert [each.kind for each in page.context["cl"].result_list] == ["login"]


@pytest.mark.parametrize("query", ["password__startswith=a", "user__password=x", "id__gt=1"])
def test_lookups_by_address_are_refused(room, rows, query):
    for page in ("people_user", "people_auditentry", "channels_inbox_channel"):
        assert room.get(reverse(f"admin:{page}_changelist") + "?" + query).status_code == 400


def test_a_list_costs_the_same_for_one_row_and_for_three(room, rows, boss):
    def cost(name: str) -> int:
        with CaptureQueriesContext(connection) as seen:
            assert room.get(reverse(f"admin:{name}_changelist")).status_code == 200
        return len(seen)

    names = ("channels_inbox_channel", "people_invitation", "people_user", "tickets_department")
    room.get(reverse("admin:index"))  # what the first page of a process reads once
    before = {name: cost(name) for name in names}
    for number in range(2):
        invite(boss, email=f"mais{number}@equipe.example", name="Mais Uma")
        User.objects.create_user(f"outra{number}@equipe.example", name="Outra")
        Channel.objects.create(
            key=f"mais-{number}", kind="email", name=f"Mais {number}", address=f"m{number}@x.example"
        )
        Department.objects.create(key=f"mais-{number}", name=f"Mais {number}")
    assert {name: cost(name) for name in names} == before


def test_every_kind_of_the_trail_has_words():
    """A new `audit.record("kind")` anywhere needs its words here."""
    root = Path(__file__).resolve().parents[3]
    kinds = set()
    for folder in ("helpdesk", "channels_inbox", "tickets"):
        for file in (root / folder).rglob("*.py"):
            text = file.read_text(encoding="utf-8")
            if "from helpdesk.people.audit import record" in text:
                kinds |= set(re.findall(r'(?<![.\w])record\(\s*"([a-z_]+)"', text))
    assert kinds - set(KINDS) == set()
