"""Decides how somebody joins the team: by a link sent by an administrator, once, within 72 hours (R-426, A14)."""

from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from helpdesk.accounts import mails
from helpdesk.lib.clock import AppNow, app_now
from helpdesk.lib.signing import InvalidToken, hash_token, new_token
from helpdesk.people.audit import record
from helpdesk.people.models import Invitation, User
from tickets.memberships import Row, check_row, set_memberships
from tickets.models import Department
from tickets.permissions import may, require


@transaction.atomic
def invite(actor: User, *, email: str, name: str, memberships: Iterable[Row] = ()) -> Invitation:
    """Invite somebody by mail; the memberships are given at acceptance.

    An open invitation of the same address is replaced, its link is dead. Raises `PermissionDenied` without
    `user_write`, `ValidationError` when the address belongs to somebody already or a row is impossible.
    """
    require(actor, "user_write")
    email = email.strip().lower()
    if User.objects.filter(email__iexact=email).exists():
        raise ValidationError(_("This address already belongs to a person of the team."), code="known")
    rows = [(str(role), department.pk if department else None) for role, department in memberships]
    for role, department_id in rows:
        check_row(role, department_id)
    Invitation.objects.filter(email__iexact=email, accepted_at=None).delete()
    invitation = Invitation(email=email, name=" ".join(name.split())[:120], memberships=rows)
    return _send(invitation, actor, "invited")


@transaction.atomic
def reinvite(actor: User, invitation: Invitation) -> Invitation:
    """Send an open invitation again with a new link; the old link is dead.

    Raises `PermissionDenied` without `user_write`, `ValidationError` when it was accepted.
    """
    require(actor, "user_write")
    invitation = Invitation.objects.select_for_update().get(pk=invitation.pk)
    if invitation.accepted_at is not None:
        raise ValidationError(_("This invitation was accepted already."), code="accepted")
    return _send(invitation, actor, "invited_again")


def find_invitation(token: str) -> Invitation | None:
    """Return the live invitation of a link, or nothing: unknown, used, late, or its sender may no longer invite."""
    try:
        wanted = hash_token(token)
    except InvalidToken:
        return None
    live = Invitation.objects.filter(token_hash=wanted, accepted_at=None, expires_at__gt=AppNow())
    invitation = live.select_related("invited_by").first()
    return invitation if invitation and may(invitation.invited_by, "user_write") else None


@transaction.atomic
def accept(invitation: Invitation, *, name: str, password: str, request: HttpRequest) -> User | None:
    """Make the account with its memberships; nothing when the link was used meanwhile.

    A department that is gone by now is left out.
    """
    live = Invitation.objects.filter(pk=invitation.pk, accepted_at=None, expires_at__gt=AppNow())
    if not live.update(accepted_at=AppNow()) or User.objects.filter(email__iexact=invitation.email).exists():
        return None
    user = User.objects.create_user(invitation.email, password, name=name, language=_spoken_language())
    Invitation.objects.filter(pk=invitation.pk).update(user=user)
    places = Department.objects.in_bulk([place for _role, place in invitation.memberships if place])
    rows = [
        (role, places.get(place))
        for role, place in invitation.memberships
        if place is None or place in places
    ]
    set_memberships(invitation.invited_by, user, rows)
    user.refresh_from_db()
    record("invitation_accepted", actor=user, subject=user.email, request=request)
    return user


def _send(invitation: Invitation, actor: User, kind: str) -> Invitation:
    token, invitation.token_hash = new_token()
    invitation.invited_by = actor
    invitation.expires_at = app_now() + timedelta(hours=settings.INVITATION_HOURS)
    if invitation.pk:
        invitation.save(update_fields=["token_hash", "invited_by", "expires_at"])
    else:
        invitation.save(force_insert=True)
    record(kind, actor=actor, subject=invitation.email, after={"memberships": invitation.memberships})
    mails.send_account_mail(
        "invitation",
        to=invitation.email,
        language=actor.language,
        name=invitation.name,
        sender=actor.name,
        link=mails.link("account_invitation", token),
        expires=invitation.expires_at,
    )
    return invitation


def _spoken_language() -> str:
    language = (get_language() or settings.LANGUAGE_CODE).lower()
    return language if language in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
