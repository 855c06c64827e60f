"""Decides what counts as a second factor: a TOTP app (RFC 6238) and ten recovery codes, each code once (R-426).

The rows are allauth's; a code is tied to the last time step used, so that one overheard is worth nothing.
"""

import secrets
from collections.abc import Iterator

import qrcode
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.utils.html import format_html
from django.utils.safestring import SafeString

from helpdesk.people.access import end_access
from helpdesk.people.audit import record
from helpdesk.people.models import User
from tickets.permissions import needs_second_factor, require

SETUP_KEY = "second_factor_setup"
PASSED_KEY = "second_factor"
QUIET_ZONE = 4


def has_second_factor(user: User) -> bool:
    """Whether the person must give a code at login."""
    return Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists()


def is_enforced(user: User) -> bool:
    """Whether one of the person's roles demands a second factor in this installation."""
    return settings.REQUIRE_SECOND_FACTOR and needs_second_factor(user)


def setup_secret(session: SessionBase) -> str:
    """Return the secret of the set-up under way in this session; it lies there encrypted."""
    adapter = get_adapter()
    if SETUP_KEY not in session:
        session[SETUP_KEY] = adapter.encrypt(generate_totp_secret())
    return adapter.decrypt(session[SETUP_KEY])


def activate(user: User, secret: str, code: str) -> bool:
    """Turn the second factor on when the code fits the secret; makes fresh recovery codes."""
    step = _matching_step(secret, code, after=-1)
    if step is None:
        return False
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        Authenticator.objects.filter(user=user).delete()
        totp = TOTP.activate(user, secret).instance
        totp.data["last_step"] = step
        totp.save(update_fields=["data"])
        RecoveryCodes.activate(user)
    return True


@transaction.atomic
def check_code(user: User, code: str) -> str:
    """Use up a code; return what it was (`totp`, `recovery_codes`), or "" when it is wrong, old or used."""
    rows = Authenticator.objects.select_for_update().filter(user=user, type__in=["totp", "recovery_codes"])
    for row in sorted(rows, key=lambda each: each.type, reverse=True):
        fits = (
            _use_step(row, code)
            if row.type == Authenticator.Type.TOTP
            else RecoveryCodes(row).validate_code(code)
        )
        if fits:
            row.record_usage()
            return str(row.type)
    return ""


def recovery_codes(user: User) -> list[str]:
    """Return the recovery codes that are still unused."""
    row = Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).first()
    return RecoveryCodes(row).get_unused_codes() if row else []


@transaction.atomic
def renew_recovery_codes(user: User) -> None:
    """Replace the recovery codes; the old ones are worth nothing from now on."""
    User.objects.select_for_update().get(pk=user.pk)
    Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).delete()
    RecoveryCodes.activate(user)


def turn_off(user: User) -> None:
    """Remove the second factor and its recovery codes."""
    Authenticator.objects.filter(user=user).delete()


@transaction.atomic
def take_off(actor: User, user: User) -> None:
    """Remove somebody's second factor for them (phone and recovery codes lost) and end the person's sessions.

    The next login by password leads to a new set-up where the role demands it. Raises `PermissionDenied` without
    `user_write`.
    """
    require(actor, "user_write")
    turn_off(user)
    record("second_factor_taken_off", actor=actor, subject=user.email)
    end_access(user)


def qr_svg(user: User, secret: str, *, label: str) -> SafeString:
    """Draw the set-up address as inline SVG: no image url, no style attribute (strict CSP)."""
    code = qrcode.QRCode(border=QUIET_ZONE)
    code.add_data(get_adapter().build_totp_url(user, secret))
    rows = code.get_matrix()
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark)
    return format_html(
        '<svg class="qr" role="img" aria-label="{}" viewBox="0 0 {} {}" shape-rendering="crispEdges">'
        '<path fill="#fff" d="M0 0h{}v{}H0z"/><path fill="#000" d="{}"/></svg>',
        label, len(rows), len(rows), len(rows), len(rows), path,
    )  # fmt: skip


def _use_step(row: Authenticator, code: str) -> bool:
    step = _matching_step(
        get_adapter().decrypt(row.data["secret"]), code, after=row.data.get("last_step", -1)
    )
    if step is None:
        return False
    row.data["last_step"] = step
    row.save(update_fields=["data"])
    return True


def _matching_step(secret: str, code: str, *, after: int) -> int | None:
    """Return the time step whose code this is, when it is later than the last one used."""
    fitting = [step for step, value in _current_codes(secret) if secrets.compare_digest(value, code)]
    return next((step for step in fitting if step > after), None)


def _current_codes(secret: str) -> Iterator[tuple[int, str]]:
    for step in yield_hotp_counters_from_time():
        yield step, format_hotp_value(hotp_value(secret, step))
