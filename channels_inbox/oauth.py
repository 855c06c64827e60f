"""Decides how a mailbox is opened by consent instead of a password: Google and Microsoft 365 (R-135).

Authorization code with `state` and PKCE S256; the smallest scopes that read and send. Tokens lie encrypted with the
channel's credentials, are refreshed before they run out by one worker at a time, and stand in no log or message.
"""

import base64
import hashlib
import hmac
import logging
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from channels_inbox import watch
from channels_inbox.adapters.base import CredentialsRefused, DeliveryError
from channels_inbox.models import Channel
from channels_inbox.outbox import bring_forward
from helpdesk.lib.clock import app_now
from helpdesk.lib.egress import EgressRefused, ResponseTooLarge, http_client
from helpdesk.people.audit import record

logger = logging.getLogger(__name__)
EARLY_SECONDS = 120
DAY = 24 * 3600.0
CONSENT_SECONDS = 600
ANSWER_SECONDS = 20
ANSWER_BYTES = 256 * 1024
SESSION_KEY = "mailbox_consent"
GONE = frozenset(
    {"invalid_grant", "invalid_client", "unauthorized_client", "interaction_required", "consent_required"}
)


@dataclass(frozen=True)
class Provider:
    """Where consent is asked and tokens are given, and for what."""

    authorize_url: str
    token_url: str
    read_scopes: tuple[str, ...]
    send_scopes: tuple[str, ...] = ()
    always: tuple[str, ...] = ()
    extra: dict[str, str] = field(default_factory=dict)


PROVIDERS = {
    "google": Provider(
        "https://accounts.google.com/o/oauth2/v2/auth",
        "https://oauth2.googleapis.com/token",
        read_scopes=("https://mail.google.com/",),  # Google has no smaller one for IMAP and SMTP
        extra={"access_type": "offline", "prompt": "consent"},
    ),
    "microsoft": Provider(
        "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize",
        "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
        read_scopes=("https://outlook.office.com/IMAP.AccessAsUser.All",),
        send_scopes=("https://outlook.office.com/SMTP.Send",),
        always=("offline_access",),
        extra={"prompt": "select_account"},
    ),
}


class ConsentRefused(Exception):
    """The consent did not come about; the text is a sentence for the administrator."""


def uses_consent(channel: Channel) -> bool:
    """Whether this channel signs in by consent."""
    return channel.options.get("access") in PROVIDERS


def provider_of(channel: Channel) -> Provider:
    """Return the channel's provider; `oauth_authorize_url` and `oauth_token_url` replace the addresses (national
    clouds, own servers). Raises `ConsentRefused` when the channel knows no consent."""
    options = channel.options
    preset = PROVIDERS.get(options.get("access", ""))
    if preset is None:
        raise ConsentRefused(_("This channel does not sign in by consent."))
    tenant = options.get("oauth_tenant") or "common"
    return Provider(
        options.get("oauth_authorize_url") or preset.authorize_url.format(tenant=tenant),
        options.get("oauth_token_url") or preset.token_url.format(tenant=tenant),
        preset.read_scopes,
        preset.send_scopes if options.get("smtp_host") else (),
        preset.always,
        preset.extra,
    )


def start_consent(channel: Channel, request: HttpRequest) -> str:
    """Remember a fresh `state` and PKCE verifier in the session; return the address to send the browser to.

    Raises `ConsentRefused` when the channel has no client id or knows no consent.
    """
    provider = provider_of(channel)
    if not channel.options.get("oauth_client_id"):
        raise ConsentRefused(_("Fill in the client id of the consent first."))
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    request.session[SESSION_KEY] = {
        "channel": channel.pk,
        "state": state,
        "verifier": verifier,
        "until": app_now().timestamp() + CONSENT_SECONDS,
    }
    asked = {
        "response_type": "code",
        "client_id": channel.options["oauth_client_id"],
        "redirect_uri": return_address(channel),
        "scope": " ".join((*provider.read_scopes, *provider.send_scopes, *provider.always)),
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "login_hint": channel.options.get("user") or channel.address,
        **provider.extra,
    }
    return f"{provider.authorize_url}?{urlencode(asked)}"


def return_address(channel: Channel) -> str:
    """Return the redirect address, to be registered with the provider."""
    return settings.BASE_URL + reverse("channels_inbox:consent_return", args=[channel.key])


def finish_consent(channel: Channel, request: HttpRequest) -> None:
    """Check `state`, trade the code for tokens, keep them; the channel works again and its outbox moves.

    The remembered state is used up by any attempt. Raises `ConsentRefused`.
    """
    known = request.session.pop(SESSION_KEY, None) or {}
    given = request.GET.get("state", "")
    genuine = hmac.compare_digest(str(known.get("state", "")).encode(), given.encode("utf-8", "replace"))
    if (
        not given
        or not genuine
        or known.get("channel") != channel.pk
        or known["until"] < app_now().timestamp()
    ):
        raise ConsentRefused(_("This consent was not asked for here, or took too long. Start again."))
    if not request.GET.get("code"):
        raise ConsentRefused(_("The consent was not given."))
    grant = {
        "grant_type": "authorization_code",
        "code": request.GET["code"],
        "redirect_uri": return_address(channel),
        "code_verifier": known["verifier"],
    }
    try:
        tokens = _ask(channel, channel.credentials, grant)
    except (CredentialsRefused, DeliveryError) as error:
        raise ConsentRefused(str(error)) from error
    if not tokens.get("refresh_token"):
        raise ConsentRefused(
            _("The provider gave no lasting permission. Remove the old one there and start again.")
        )
    _keep(channel, tokens)
    record("channel_consent", subject=channel.key, request=request)
    watch.works_again(channel)
    bring_forward(channel)


def access_token(channel: Channel, *, refused: str = "") -> str:
    """Return a valid access token, refreshed when it has less than two minutes left or is the `refused` one.

    The channel row is locked meanwhile, so two workers never refresh twice. Consent withdrawn → the channel stands
    as stopped, administrators are told, and `CredentialsRefused` is raised. Raises `DeliveryError` when the
    provider cannot be reached.
    """
    try:
        with transaction.atomic():
            row = Channel.objects.select_for_update(no_key=True).get(pk=channel.pk)
            secrets_now = row.credentials
            token = secrets_now.get("access_token", "")
            fresh = secrets_now.get("expires_at", 0) > app_now().timestamp() + EARLY_SECONDS
            if token and token != refused and fresh:
                return token
            if not secrets_now.get("refresh_token"):
                raise CredentialsRefused(_("Nobody has given the consent for this mailbox yet."))
            grant = {"grant_type": "refresh_token", "refresh_token": secrets_now["refresh_token"]}
            return _keep(row, _ask(row, secrets_now, grant))
    except CredentialsRefused as error:
        watch.credentials_refused(channel, str(error))
        raise


def _ask(channel: Channel, known: dict[str, Any], grant: dict[str, str]) -> dict[str, Any]:
    """Ask the token address. Only the short error code of an answer is ever repeated."""
    form = {**grant, "client_id": channel.options.get("oauth_client_id", "")}
    if known.get("oauth_client_secret"):
        form["client_secret"] = known["oauth_client_secret"]
    try:
        status, answer = _post(provider_of(channel).token_url, form, cafile=channel.options.get("cafile"))
    except (OSError, httpx.HTTPError, ResponseTooLarge, EgressRefused) as error:
        text = _("The consent provider cannot be reached: %(reason)s")
        raise DeliveryError(text % {"reason": type(error).__name__}, channel_down=True) from None
    code = str(answer.get("error", ""))[:60]
    if status == 200 and answer.get("access_token"):
        return answer
    if code in GONE:
        raise CredentialsRefused(
            _(
                "The consent for this mailbox was withdrawn or refused (%(code)s). An administrator must give it again."
            )
            % {"code": code}
        )
    raise DeliveryError(
        _("The consent provider answered %(status)s.") % {"status": status}, channel_down=True
    )


def _post(url: str, form: dict[str, str], *, cafile: str | None) -> tuple[int, dict[str, Any]]:
    target = urlsplit(url)
    if target.scheme != "https" and target.netloc not in settings.EGRESS_ALLOW:
        raise EgressRefused("secrets travel by https only")
    with http_client(timeout=ANSWER_SECONDS, max_bytes=ANSWER_BYTES, cafile=cafile or None) as client:
        response = client.post(url, data=form)
    try:
        answer = response.json()
    except ValueError:
        answer = None
    return response.status_code, answer if isinstance(answer, dict) else {}


def _seconds(given: Any) -> float:
    """Return how long a token lives; an answer that says no sensible time means an hour."""
    try:
        return min(max(float(given), 0), DAY) if given else DAY / 24
    except (TypeError, ValueError):
        return DAY / 24


def _keep(channel: Channel, tokens: dict[str, Any]) -> str:
    """Store new tokens beside the other secrets; an old refresh token stays. Returns the access token."""
    with transaction.atomic():
        row = Channel.objects.select_for_update(no_key=True).get(pk=channel.pk)
        kept = row.credentials
        kept["access_token"] = tokens["access_token"]
        kept["refresh_token"] = tokens.get("refresh_token") or kept.get("refresh_token", "")
        kept["expires_at"] = app_now().timestamp() + _seconds(tokens.get("expires_in"))
        row.seal(kept)
        row.save(update_fields=["sealed_credentials"])
    channel.sealed_credentials = row.sealed_credentials
    return tokens["access_token"]
