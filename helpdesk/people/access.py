"""Decides when somebody's access ends: every session, open stream and unused link at once (R-426, A16)."""

from django.contrib.auth import logout
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone

from helpdesk.lib import sse
from helpdesk.lib.clock import AppNow
from helpdesk.people.models import LoginSession, PasswordReset, User


@transaction.atomic
def end_access(user: User, *, keep: str = "") -> None:
    """End all sessions, live streams and reset links of a person; call it when password, role or state changed.

    `keep` is the key of the one session that goes on (of who changed the own password); the caller renews it
    with `update_session_auth_hash`. `user.security_stamp` is refreshed: sessions carry it, so that one no list
    knows of ends too.
    """
    User.objects.filter(pk=user.pk).update(security_stamp=F("security_stamp") + 1)
    user.refresh_from_db(fields=["security_stamp"])
    ended = LoginSession.objects.filter(user=user).exclude(session_key=keep)
    Session.objects.filter(session_key__in=list(ended.values_list("session_key", flat=True))).delete()
    ended.delete()
    PasswordReset.objects.filter(user=user, used_at=None).update(used_at=AppNow())
    transaction.on_commit(lambda: sse.revoke(user.pk))


@transaction.atomic
def end_session(session: LoginSession) -> None:
    """End one session of a person; the open streams close, and those of the other sessions come back by themselves."""
    Session.objects.filter(session_key=session.session_key).delete()
    session.delete()
    transaction.on_commit(lambda: sse.revoke(session.user_id))


@transaction.atomic
def sign_out(request: HttpRequest) -> None:
    """End the session of this very request; what its tabs still listen to ends too (R-426, ASVS 7.4.1)."""
    user_id = request.user.pk
    LoginSession.objects.filter(session_key=request.session.session_key).delete()
    logout(request)
    if user_id is not None:
        transaction.on_commit(lambda: sse.revoke(user_id))


def forget_expired_sessions() -> int:
    """Delete what ended by its own age; return how many sessions were forgotten. Safe to run twice."""
    Session.objects.filter(expire_date__lt=timezone.now()).delete()
    return LoginSession.objects.exclude(session_key__in=Session.objects.values("session_key")).delete()[0]
