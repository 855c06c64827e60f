"""Decides how allauth behaves here: nobody signs up, redirects stay inside, secrets are encrypted, logins audited."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme

from helpdesk.accounts import sessions
from helpdesk.lib.encryption import decrypt_text, encrypt
from helpdesk.people.access import sign_out
from helpdesk.people.audit import record
from helpdesk.people.models import User


class StaffAccountAdapter(DefaultAccountAdapter):
    """Accounts are made by invitation only."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_safe_url(self, url: str | None) -> bool:
        """Only paths of our own: no other host is ever a target."""
        return bool(own_path(url))

    def get_client_ip(self, request: HttpRequest) -> str:
        """The peer's address as the server gives it; headers anybody can write are not read (A17)."""
        return str(request.META.get("REMOTE_ADDR") or "")

    def login(self, request: HttpRequest, user: User) -> None:
        """Sign in after every stage is passed; Django gives the session a new id (A16)."""
        super().login(request, user)
        sessions.begin(request, user)

    def post_login(
        self, request: HttpRequest, user: User, *, redirect_url: str | None = None, **kwargs: Any
    ) -> HttpResponse:
        device = sessions.describe_device(request)
        record("login", actor=user, subject=user.email, after={"device": device}, request=request)
        target = own_path(redirect_url, otherwise=settings.LOGIN_REDIRECT_URL)
        return speak(HttpResponseRedirect(target), user.language)

    def logout(self, request: HttpRequest) -> None:
        sign_out(request)

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Our pages say what happened; allauth's own messages are not shown."""


class StaffMfaAdapter(DefaultMFAAdapter):
    """Second factor of the team; its secrets are kept encrypted (A25)."""

    def encrypt(self, text: str) -> str:
        return encrypt(text).decode("ascii")

    def decrypt(self, encrypted_text: str) -> str:
        return decrypt_text(encrypted_text.encode("ascii"))


def own_path(url: str | None, *, otherwise: str = "") -> str:
    """Return a redirect target when it is a path of this installation, else `otherwise`."""
    if url and url.startswith("/") and url_has_allowed_host_and_scheme(url, allowed_hosts=None):
        return url
    return otherwise


def speak(response: HttpResponse, language: str) -> HttpResponse:
    """Let the pages before the next login use this language too."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite="Lax",
    )
    return response
