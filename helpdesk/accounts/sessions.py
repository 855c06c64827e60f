"""Decides how a signed-in browser is remembered: its marks in the session and its line in the list of own sessions."""

import time

from django.conf import settings
from django.contrib.auth import update_session_auth_hash
from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from helpdesk.lib.clock import AppNow
from helpdesk.people.models import LoginSession, User
from helpdesk.people.signed_in import TeamRequest

# The first word found in the browser's own description names it; the order matters, since they imitate each other.
BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"), ("CriOS", "Chrome"), ("Chrom", "Chrome"), ("Safari", "Safari"),
)  # fmt: skip
SYSTEMS = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"),
    ("Mac OS X", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


def begin(request: HttpRequest, user: User) -> None:
    """Mark a session that has just been given its new id, and list it."""
    request.session["since"] = request.session["seen"] = int(time.time())
    remember(request, user)


def remember(request: HttpRequest, user: User) -> None:
    """List the current session, or say that it was seen; lines of sessions that are gone disappear."""
    alive = Session.objects.filter(expire_date__gt=timezone.now()).values("session_key")
    LoginSession.objects.filter(user=user).exclude(session_key__in=alive).delete()
    seen = {"seen_at": AppNow(), "ip": request.META.get("REMOTE_ADDR") or None}
    LoginSession.objects.update_or_create(
        session_key=request.session.session_key,
        defaults=seen,
        create_defaults={**seen, "user": user, "device": describe_device(request)},
    )


def own_sessions(request: TeamRequest) -> QuerySet[LoginSession]:
    """Return the person's sessions, the latest seen first."""
    return LoginSession.objects.filter(user=request.user).order_by("-seen_at", "-id")


def carry_on(request: HttpRequest, user: User) -> None:
    """Let the current session go on under the new password and stamp, with a new id."""
    old = request.session.session_key
    update_session_auth_hash(request, user)
    LoginSession.objects.filter(session_key=old).update(session_key=request.session.session_key)


def lifetime(*, stay: bool) -> int:
    """Return what `set_expiry` takes: 0 ends with the browser, else the longest a session may live, in seconds."""
    return settings.SESSION_COOKIE_AGE if stay else 0


def describe_device(request: HttpRequest) -> str:
    """Say browser and system in words: `Chrome · Windows`."""
    text = request.META.get("HTTP_USER_AGENT", "")[:400]
    browser = next((name for mark, name in BROWSERS if mark in text), "")
    system = next((name for mark, name in SYSTEMS if mark in text), "")
    return " · ".join(part for part in (browser, system) if part) or _("unknown device")
