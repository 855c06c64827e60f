"""Decides whether a typed password is somebody's: one hash and the same statements for everybody, with limits (A15)."""

from django.contrib.auth import authenticate
from django.http import HttpRequest

from helpdesk.accounts import limits
from helpdesk.accounts.limits import PASSWORD, PASSWORD_ADDRESS, Pause
from helpdesk.people.audit import record
from helpdesk.people.models import User
from helpdesk.people.signed_in import TeamRequest


def check_password(request: HttpRequest, *, email: str, password: str) -> User | Pause | None:
    """Return the person, nothing when mail or password are wrong, or the pause that too many tries brought.

    Costs the same operations for a known, an unknown and a switched-off account.
    """
    address = limits.address_of(request)
    pause = limits.take(PASSWORD_ADDRESS, address) or limits.take(PASSWORD, email)
    if pause is not None:
        return pause
    user = authenticate(request, email=email, password=password)
    if isinstance(user, User):
        limits.give_back(PASSWORD_ADDRESS, address)
        limits.clear(PASSWORD, email)
        return user
    record("login_failed", subject=email, request=request)
    pause = limits.spent(PASSWORD, email) or limits.spent(PASSWORD_ADDRESS, address)
    if pause is not None:
        record("login_paused", subject=email, after={"until": pause.until.isoformat()}, request=request)
    return pause


def knows_password(request: TeamRequest, password: str) -> bool | Pause:
    """Whether the signed-in person typed the own password; counts like a login."""
    outcome = check_password(request, email=request.user.email, password=password)
    return outcome if isinstance(outcome, Pause) else outcome == request.user
