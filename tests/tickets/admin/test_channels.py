"""Channels: fields from the adapter, secrets that are never shown and never follow to another server (A25, R-101)."""

import hashlib
import hmac
import socket

import pytest
from django.urls import reverse

from channels_inbox import probe, watch
from channels_inbox.adapters.email import mail_envelope
from channels_inbox.inbox import process_due, store
from channels_inbox.models import Channel, InboundMessage, OutboundMessage
from helpdesk.people.models import AuditEntry
from tests.mails import mail
from tickets.models import ChannelPolicy, Department

pytestmark = pytest.mark.django_db
SECRET = "segredo-plantado-91"


@pytest.fixture
def channel(desk) -> Channel:
    return Channel.objects.get(key="email-suporte")


@pytest.fixture
def save(room, channel):
    """Post the channel's form with these changes; returns the answer."""

    def run(**changes):
        policy = ChannelPolicy.objects.get(channel=channel)
        channel.refresh_from_db()
        form = {
            "name": channel.name, "address": channel.address, "enabled": "on",
            "policy_department": str(policy.department_id), "policy_hours": policy.hours,
            "policy_acknowledge": "on", "policy_minutes": str(policy.first_reply.get("minutes", "")),
            "option_imap_port": "993", "option_imap_security": "tls", "option_imap_folder": "INBOX",
            "option_smtp_port": "587", "option_smtp_security": "starttls",
            **{f"option_{name}": value for name, value in channel.options.items()},
        }  # fmt: skip
        answer = room.post(
            reverse("admin:channels_inbox_channel_change", args=[channel.pk]), {**form, **changes}
        )
        channel.refresh_from_db()
        return answer

    return run


@pytest.fixture
def connected(save, channel):
    answer = save(
        option_access="password",
        option_imap_host="imap.example",
        option_user="u@imap.example",
        secret_password=SECRET,
    )
    assert answer.status_code == 302, answer.context["errors"]
    return channel


def test_connection_and_secret_are_stored_apart_and_sealed(connected):
    assert connected.options["imap_host"] == "imap.example"
    assert connected.options["imap_port"] == 993
    assert connected.credentials == {"password": SECRET}
    assert SECRET.encode() not in bytes(connected.sealed_credentials)
    assert "secret" not in str(connected.options)


def test_a_secret_is_never_shown_again(connected, room, save):
    # A25
    page = room.get(reverse("admin:channels_inbox_channel_change", args=[connected.pk])).content.decode()
    assert SECRET not in page
    assert "Guardada" in page
    answer = save(secret_password="outra-senha-74", option_imap_port="0")
    assert answer.status_code == 200
    assert "outra-senha-74" not in answer.content.decode()
    assert SECRET not in str(list(AuditEntry.objects.values_list("before", "after")))


def test_an_empty_secret_stays_as_it_is(connected, save):
    assert save(name="Caixa do suporte").status_code == 302
    assert connected.credentials == {"password": SECRET}


@pytest.mark.parametrize(
    "change",
    [
        {"option_imap_host": "evil.example"},
        {"option_smtp_host": "evil.example"},
        {"option_user": "outro@imap.example"},
        {"option_imap_port": "143"},
        {"option_imap_security": "none"},
    ],
)
def test_another_server_or_user_needs_the_secret_again(connected, save, change):
    # A25: a stored password is sent nowhere new
    answer = save(**change)
    assert answer.status_code == 200
    assert "secret_password" in answer.context["adminform"].form.errors
    connected.refresh_from_db()
    assert connected.options["imap_host"] == "imap.example"
    assert save(**change, secret_password="nova").status_code == 302
    connected.refresh_from_db()
    assert connected.credentials == {"password": "nova"}


def test_consent_is_forgotten_when_the_server_changes(connected, save):
    connected.seal({"password": SECRET, "oauth": {"refresh_token": "r"}, "webhook_secrets": ["w"]})
    connected.save()
    save(option_imap_host="imap2.example", secret_password="nova")
    assert connected.credentials == {"password": "nova", "webhook_secrets": ["w"]}


def test_the_policy_is_saved_with_the_channel(save, channel):
    #
    money = Department.objects.get(key="financeiro")
    save(policy_department=str(money.pk), policy_minutes="30", policy_acknowledge="")
    policy = ChannelPolicy.objects.get(channel=channel)
    assert (policy.department, policy.first_reply, policy.acknowledge) == (money, {"minutes": 30}, False)
    assert save(policy_hours="nunca").status_code == 200


def test_a_new_mailbox_is_added(room, desk):
    support = Department.objects.get(key="suporte")
    form = {
        "name": "Vendas", "key": "email-vendas", "address": "Vendas@Presteza.example", "enabled": "on",
        "policy_department": str(support.pk), "policy_hours": "seg-sex 08:00-18:00", "policy_acknowledge": "on",
        "option_imap_port": "993", "option_imap_security": "tls", "option_smtp_port": "587",
        "option_smtp_security": "starttls",
        "kind": "portal", "sealed_credentials": "x", "cursor": "{}", "alarmed_at": "2020-01-01",
    }  # fmt: skip
    answer = room.post(reverse("admin:channels_inbox_channel_add"), form)
    assert answer.status_code == 302, answer.context["errors"]
    channel = Channel.objects.get(key="email-vendas")
    assert (channel.kind, channel.address) == ("email", "vendas@presteza.example")
    assert (channel.sealed_credentials, channel.alarmed_at) == (None, None)  # A09
    form |= {"key": "email-vendas-2", "address": "VENDAS@presteza.example"}
    assert (
        room.post(reverse("admin:channels_inbox_channel_add"), form).status_code == 200
    )  # the address is taken


def test_the_connection_is_tried_step_by_step_and_guarded(connected, save, room):
    # A06: a loopback server nobody named is refused, and the page says so
    save(option_imap_host="127.0.0.1", secret_password=SECRET)
    url = reverse("admin:channels_inbox_channel_test", args=[connected.pk])
    assert room.get(url).status_code == 405
    answer = room.post(url)
    assert answer.status_code == 200
    steps = answer.context["steps"]
    assert steps
    assert not all(good for _name, good, _sentence in steps)
    assert SECRET not in answer.content.decode()
    assert AuditEntry.objects.get(kind="channel_tested").after == {"worked": False}


def test_a_server_that_never_answers_does_not_hold_the_page(connected, monkeypatch):
    from tickets.admin.channels import try_connection

    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        connected.options |= {"imap_host": "127.0.0.1", "imap_port": port, "imap_security": "none"}
        monkeypatch.setattr("django.conf.settings.EGRESS_ALLOW", [f"127.0.0.1:{port}"])
        steps = try_connection(connected, seconds=0.5)
    assert [good for _name, good, _sentence in steps] == [False]


def test_two_webhook_secrets_hold_and_the_third_ends_the_first(channel, room, client):
    #
    url = reverse("admin:channels_inbox_channel_webhook_secret", args=[channel.pk])
    secrets = [room.post(url).context["fresh"] for _ in range(3)]
    channel.refresh_from_db()
    assert channel.credentials["webhook_secrets"] == secrets[:0:-1]
    assert (
        secrets[2]
        not in room.get(reverse("admin:channels_inbox_channel_change", args=[channel.pk])).content.decode()
    )
    answers = [post_signed(client, channel, secret) for secret in secrets]
    assert answers == [401, 200, 200]
    assert InboundMessage.objects.count() == 2


def post_signed(client, channel, secret: str) -> int:
    raw = mail(subject=secret[:6])
    signature = "sha256=" + hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    url = reverse("channels_inbox:webhook", args=[channel.key])
    return client.post(
        url, raw, content_type="message/rfc822", headers={"X-Signature-256": signature}
    ).status_code


def test_state_and_last_error_are_shown_escaped(channel, room):
    Channel.objects.filter(pk=channel.pk).update(
        failing_since="2026-11-12T09:00Z", last_error="<img src=x onerror=alert(1)>"
    )
    page = room.get(reverse("admin:channels_inbox_channel_change", args=[channel.pk])).content.decode()
    assert "<img src=x" not in page  # A02
    assert "&lt;img src=x" in page


# --- the probe (R-149) -----------------------------------------------------------------------------------


def test_the_probe_is_switched_on_and_off_on_the_form(channel, room, save):
    #
    page = room.get(reverse("admin:channels_inbox_channel_change", args=[channel.pk])).content.decode()
    assert 'name="option_probe"' in page
    assert "Se não voltar em dez minutos" in page
    assert save(option_probe="on").status_code == 302
    assert channel.options["probe"] is True
    probe.run_probes()
    assert OutboundMessage.objects.get(idem_key__startswith="probe:").recipient == channel.address
    form = {"option_probe": ""}  # a box that is not ticked is not sent at all
    assert save(**form).status_code == 302
    assert channel.options["probe"] is False
    entry = AuditEntry.objects.filter(kind="channel_changed").latest("id")
    assert entry.after == {"option_probe": False}


@pytest.fixture
def lost_probe(channel, room, save, travel) -> OutboundMessage:
    """A probe that was not back in time; the alarm stands."""
    save(option_probe="on")
    probe.run_probes()
    travel(minutes=11)
    probe.run_probes()
    return OutboundMessage.objects.get(idem_key__startswith="probe:")


def banner(room) -> bool:
    return "não voltou" in room.get(reverse("tickets:queue")).content.decode()


def test_a_lost_probe_is_a_banner_until_it_is_back(channel, room, lost_probe):
    # probe lost → alarm, probe back → banner gone
    assert banner(room)
    state = room.get(reverse("admin:channels_inbox_channel_change", args=[channel.pk])).content.decode()
    assert "A mensagem de teste não voltou" in state
    store(channel, [mail_envelope(bytes(lost_probe.payload))])
    process_due()
    watch.check_channels()
    assert not banner(room)


def test_an_alarm_of_the_probe_ends_with_the_probe(channel, room, save, lost_probe, travel):
    # nobody can bring back a probe that is sent no more
    told = OutboundMessage.objects.filter(purpose="notify", channel=None).count()
    save(option_probe="")
    watch.check_channels()
    assert not banner(room)
    travel(days=1)
    save(option_probe="on")
    probe.run_probes()  # the old one tells nothing of today
    assert not banner(room)
    assert OutboundMessage.objects.filter(idem_key__startswith="probe:").count() == 2
    assert OutboundMessage.objects.filter(purpose="notify", channel=None).count() == told
