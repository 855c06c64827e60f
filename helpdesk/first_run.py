"""Decides what the first start prints: the addresses, the departments' mail, and the first login."""

import secrets

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from channels_inbox.models import Channel
from helpdesk.people.access import end_access
from helpdesk.people.audit import record
from helpdesk.people.models import User
from tickets.models import Membership, Role

ADMIN_EMAIL = "admin@presteza.example"


@transaction.atomic
def new_password(email: str = ADMIN_EMAIL) -> tuple[str, str]:
    """Give a person a random password; return (address, password). Every session of that person ends (R-426).

    Only the first administrator is made when missing and made administrator again; a named person keeps the own
    roles. Raises `User.DoesNotExist` for an address nobody has.
    """
    user = User.objects.filter(email__iexact=email).first()
    if email == ADMIN_EMAIL:
        user = user or User.objects.create_user(email, name=_("Administrator"))
        Membership.objects.get_or_create(user=user, department=None, role=Role.ADMIN)
    if user is None:
        raise User.DoesNotExist(email)
    password = secrets.token_urlsafe(12)
    user.set_password(password)
    user.is_active = True
    user.save(update_fields=["password", "is_active"])
    end_access(user)
    record("password_made", subject=user.email)
    return user.email, password


def describe_installation(base_url: str) -> list[str]:
    """Return the lines `up` prints when the product answers; the first login stands there once."""
    lines = [
        _("Desk:          %(url)s") % {"url": base_url + "/"},
        _("Help form:     %(url)s") % {"url": base_url + reverse("portal:submit")},
        _("Local mailbox: %(url)s") % {"url": base_url + reverse("tickets:mailbox")},
        "",
        _("Mail addresses of the departments:"),
    ]
    for channel in Channel.objects.filter(kind="email", enabled=True).order_by("id"):
        lines.append(f"  {channel.address}")
    if not User.objects.filter(memberships__role=Role.ADMIN).exists():
        email, password = new_password()
        lines += [
            "",
            _("First login:   %(email)s  password: %(password)s") % {"email": email, "password": password},
        ]
    return lines
