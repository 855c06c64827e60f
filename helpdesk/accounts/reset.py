"""Decides how a forgotten password is replaced: one link, once, within the hour, alike for any address (A14, A15)."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import get_language

from helpdesk.accounts import limits, mails
from helpdesk.lib.clock import AppNow, app_now
from helpdesk.lib.signing import InvalidToken, hash_token, new_token
from helpdesk.people.access import end_access
from helpdesk.people.audit import record
from helpdesk.people.models import PasswordReset, User


@transaction.atomic
def request_reset(email: str, *, request: HttpRequest) -> None:
    """Mail a reset link when the address is one of the team's.

    An unknown address costs the same: a row nobody holds the token of, and a mail that is withdrawn from the start.
    """
    user = User.objects.filter(email=email, is_active=True).first()
    if user is not None and not user.has_usable_password():
        user = None
    token, token_hash = new_token()
    expires = app_now() + timedelta(hours=settings.RESET_HOURS)
    PasswordReset.objects.create(user=user, token_hash=token_hash, expires_at=expires)
    record("reset_requested", subject=email, request=request)
    mails.send_account_mail(
        "reset",
        to=email,
        language=user.language if user else get_language() or settings.LANGUAGE_CODE,
        stand_in=user is None,
        link=mails.link("account_reset_password_from_key", token),
        expires=expires,
    )


def find_reset(token: str) -> PasswordReset | None:
    """Return the live reset of a link, or nothing: unknown, used, late, or the person is switched off."""
    try:
        wanted = hash_token(token)
    except InvalidToken:
        return None
    live = PasswordReset.objects.filter(
        token_hash=wanted, used_at=None, expires_at__gt=AppNow(), user__is_active=True
    )
    return live.select_related("user").first()


@transaction.atomic
def use_reset(reset: PasswordReset, password: str, *, request: HttpRequest) -> bool:
    """Set the new password and end every session; False when the link was used meanwhile.

    The second factor stays: the next login asks for it.
    """
    live = PasswordReset.objects.filter(pk=reset.pk, used_at=None, expires_at__gt=AppNow())
    if reset.user is None or not live.update(used_at=AppNow()):
        return False
    user = reset.user
    user.set_password(password)
    user.save(update_fields=["password"])
    end_access(user)
    limits.clear(limits.PASSWORD, user.email)
    record("password_reset", actor=user, subject=user.email, request=request)
    return True
