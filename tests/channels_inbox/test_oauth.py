"""Mailboxes by consent: consent, refresh, withdrawal, a token that runs out in the middle of a fetch (R-135)."""

import logging
import threading
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from django.db import connection
from django.urls import reverse

from channels_inbox import oauth
from channels_inbox.adapters.base import CredentialsRefused, DeliveryError
from channels_inbox.models import Channel, InboundMessage, OutboundMessage
from channels_inbox.outbox import deliver_due, enqueue
from channels_inbox.polling import poll
from helpdesk.people.models import User
from tests.mails import mail
from tests.peers.oauth_server import CLIENT_ID, CLIENT_SECRET, running_oauth

pytestmark = pytest.mark.django_db
PASSWORD = "uma frase de teste"


@pytest.fixture
def provider():
    with running_oauth() as server:
        yield server


@pytest.fixture
def consented(provider, scripted, mailbox, settings):
    """A mailbox set up for consent; nobody has given it yet."""
    settings.EGRESS_ALLOW = [f"{provider.host}:{provider.port}"]
    scripted.token_is_good = provider.is_good
    channel = mailbox(
        scripted,
        "suporte@presteza.example",
        access="google",
        oauth_client_id=CLIENT_ID,
        oauth_authorize_url=provider.authorize_url,
        oauth_token_url=provider.token_url,
    )
    channel.seal({"oauth_client_secret": CLIENT_SECRET})
    channel.save()
    return channel


@pytest.fixture
def admin(person, client):
    user = person("ana", "admin", None)
    client.force_login(user)
    return client


def give_consent(client, channel) -> str:
    """Walk the browser's way; return the address it comes back with."""
    start = client.get(reverse("channels_inbox:consent", args=[channel.key]))
    assert start.status_code == 302
    back = httpx.get(start["Location"], follow_redirects=False)
    assert back.status_code == 302
    target = urlsplit(back.headers["Location"])
    return f"{target.path}?{target.query}"


def connect(client, channel) -> None:
    client.get(give_consent(client, channel))
    channel.refresh_from_db()


def test_consent_connects_and_mail_is_fetched(admin, consented, provider, scripted):
    connect(admin, consented)
    assert consented.credentials["oauth_client_secret"] == CLIENT_SECRET
    assert provider.is_good(consented.credentials["access_token"])
    scripted.append("suporte@presteza.example", mail())
    assert poll(consented) == 1
    assert "AUTHENTICATE" in scripted.commands


def test_consent_asks_little_and_proves_itself(admin, consented):
    start = admin.get(reverse("channels_inbox:consent", args=[consented.key]))
    asked = parse_qs(urlsplit(start["Location"]).query)
    assert asked["scope"] == ["https://mail.google.com/"]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == [f"http://127.0.0.1:8000/canais/consentimento/{consented.key}/retorno"]
    assert len(asked["state"][0]) > 40


def test_microsoft_asks_to_send_only_where_we_send(consented):
    consented.options["access"] = "microsoft"
    assert oauth.provider_of(consented).send_scopes == ()
    consented.options["smtp_host"] = "smtp.office365.com"
    wanted = oauth.provider_of(consented)
    assert wanted.send_scopes == ("https://outlook.office.com/SMTP.Send",)
    assert wanted.always == ("offline_access",)
    del consented.options["oauth_token_url"]
    assert (
        oauth.provider_of(consented).token_url == "https://login.microsoftonline.com/common/oauth2/v2.0/token"
    )


@pytest.mark.parametrize("change", ["state", "used", "channel", "late", "denied"])
def test_a_return_nobody_asked_for_connects_nothing(admin, consented, provider, travel, change):
    back = give_consent(admin, consented)
    if change == "state":
        back = back.replace("state=", "state=x")
    elif change == "used":
        admin.get(back.replace("code=", "code=x"))  # any attempt uses the state up
    elif change == "channel":
        back = back.replace(consented.key, "email-financeiro")
    elif change == "late":
        travel(minutes=11)
    else:
        back = back.split("?")[0] + "?error=access_denied&" + back.split("&")[-1]
    assert admin.get(back).status_code == 302
    assert not any("access_token" in channel.credentials for channel in Channel.objects.all())


def test_a_stolen_code_is_worth_nothing_without_the_verifier(admin, consented):
    back = give_consent(admin, consented)
    session = admin.session
    session["mailbox_consent"] = {**session["mailbox_consent"], "verifier": "a" * 64}
    session.save()
    admin.get(back)
    consented.refresh_from_db()
    assert "access_token" not in consented.credentials


def test_permission_without_refresh_token_is_refused(admin, consented, provider):
    provider.lasting = False
    connect(admin, consented)
    assert "access_token" not in consented.credentials


@pytest.mark.parametrize("role", ["agent", "leader"])
def test_only_people_who_write_settings_connect_mailboxes(person, client, consented, role):
    address = reverse("channels_inbox:consent", args=[consented.key])
    assert client.get(address)["Location"].startswith("/conta/")
    client.force_login(person("livia", role))
    assert client.get(address).status_code == 403
    assert client.get(reverse("channels_inbox:consent_return", args=[consented.key])).status_code == 403


def test_token_is_refreshed_before_it_runs_out(admin, consented, provider, travel):
    connect(admin, consented)
    first = oauth.access_token(consented)
    assert provider.refreshes == 0
    travel(minutes=59)  # one minute left
    assert oauth.access_token(consented) != first
    assert provider.refreshes == 1
    assert oauth.access_token(consented) == Channel.objects.get(pk=consented.pk).credentials["access_token"]
    assert provider.refreshes == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_refresh_once(admin, consented, provider, travel):
    connect(admin, consented)
    travel(minutes=59)
    provider.slow = 0.3
    tokens: list[str] = []

    def ask() -> None:
        tokens.append(oauth.access_token(Channel.objects.get(pk=consented.pk)))
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert provider.refreshes == 1
    assert len(set(tokens)) == 1


def test_token_that_runs_out_in_the_middle_of_a_fetch(admin, consented, provider, scripted, monkeypatch):
    from channels_inbox import imap

    monkeypatch.setattr(imap, "BATCH_MAILS", 2)
    connect(admin, consented)
    scripted.append("suporte@presteza.example", *(mail(subject=f"n{number}") for number in range(6)))
    scripted.expire_after_fetches = 2

    def expire(token: str) -> bool:
        if scripted.body_fetches >= 2 and provider.refreshes == 0:
            provider.expire_access()
        return provider.is_good(token)

    scripted.token_is_good = expire
    assert poll(consented) == 6
    assert provider.refreshes == 1
    assert InboundMessage.objects.count() == 6
    consented.refresh_from_db()
    assert consented.failing_since is None


def test_withdrawn_consent_stops_the_channel_tells_admins_and_keeps_the_outbox(
    admin, consented, provider, settings, travel, client
):
    settings.EMAIL_BACKEND = "channels_inbox.account_mail.OutboxBackend"
    connect(admin, consented)
    provider.withdraw_consent()
    consented.options["smtp_host"], consented.options["smtp_port"] = "127.0.0.1", provider.port
    consented.save()
    OutboundMessage.objects.all().delete()
    row = enqueue(
        channel=consented, purpose="reply", idem_key="r1", payload=b"Subject: x\r\n\r\nx", message_id="r1@x",
        recipient="marina@trigal.example",
    )  # fmt: skip
    assert poll(consented) == 0
    travel(hours=2)
    deliver_due()
    consented.refresh_from_db()
    row.refresh_from_db()
    assert consented.enabled
    assert consented.failing_since is not None
    assert consented.alarm_reason == "refused"
    assert "invalid_grant" in consented.last_error
    assert row.state == "queued"
    alarm = OutboundMessage.objects.get(purpose="notify")  # by another channel than the broken one
    assert alarm.channel is None
    assert alarm.recipient == "ana@equipe.example"
    travel(hours=30)
    deliver_due()
    row.refresh_from_db()
    assert row.state == "queued"  # kept, however long nobody comes
    client.force_login(User.objects.get(email="ana@equipe.example"))
    connect(client, consented)
    row.refresh_from_db()
    assert consented.failing_since is None
    assert consented.alarmed_at is None
    assert poll(consented) == 0
    assert Channel.objects.get(pk=consented.pk).failing_since is None


def test_provider_that_is_away_is_no_withdrawal(admin, consented, provider, travel):
    connect(admin, consented)
    travel(hours=2)
    provider.broken = True
    with pytest.raises(DeliveryError):
        oauth.access_token(consented)
    consented.refresh_from_db()
    assert consented.alarmed_at is None
    provider.broken = False
    assert oauth.access_token(consented)


def test_nobody_has_given_the_consent_yet(consented):
    with pytest.raises(CredentialsRefused):
        oauth.access_token(consented)


def test_secrets_travel_by_https_only(admin, consented, settings, travel):
    connect(admin, consented)
    travel(hours=2)
    settings.EGRESS_ALLOW = []
    with pytest.raises(DeliveryError):
        oauth.access_token(consented)


def test_no_token_in_logs_rows_or_exports(admin, consented, provider, scripted, travel, caplog, capfd):
    # A25: everything a token could leak into, searched for every token ever given
    caplog.set_level(logging.DEBUG)
    connect(admin, consented)
    scripted.append("suporte@presteza.example", mail())
    poll(consented)
    travel(hours=2)
    poll(consented)
    provider.withdraw_consent()
    travel(hours=4)
    poll(consented)
    consented.refresh_from_db()
    seen = caplog.text + "".join(capfd.readouterr()) + consented.last_error
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(c)::text FROM channels_inbox_channel c")
        seen += "".join(row[0] for row in cursor.fetchall())
        cursor.execute("SELECT coalesce(string_agg(row_to_json(a)::text, ''), '') FROM people_auditentry a")
        seen += cursor.fetchone()[0]
    assert len(provider.ever) >= 4
    assert not [token for token in [*provider.ever, CLIENT_SECRET] if token in seen]


@pytest.mark.parametrize(
    ("said", "seconds"), [(None, 3600), ("amanhã", 3600), ([], 3600), (-5, 0), (1e12, 86400), ("120", 120)]
)
def test_how_long_a_token_lives_is_not_believed_blindly(said, seconds):
    assert oauth._seconds(said) == seconds
