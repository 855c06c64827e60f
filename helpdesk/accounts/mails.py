"""Decides what account mails look like: the reader's language, plain and HTML, links from the base URL (A17)."""

from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation

from helpdesk.people.site import site_settings

SUBJECT, HTML = "account/email/{}_subject.txt", "account/email/{}.html"


def link(name: str, token: str) -> str:
    """Return the full address of a link page; the request's host has no part in it."""
    return settings.BASE_URL + reverse(name, args=[token])


def send_account_mail(kind: str, *, to: str, language: str, stand_in: bool = False, **context: Any) -> None:
    """Write one account mail into the outbox, in the caller's transaction.

    `kind` names the templates `account/email/<kind>_subject.txt`, `.txt` and `.html`. With `stand_in` the row is
    written all the same, but withdrawn from the start and without address or words: nobody gets it.
    """
    with translation.override(language):
        values = {**context, "company": site_settings().name}
        subject = " ".join(render_to_string(SUBJECT.format(kind), values).split())
        message = EmailMultiAlternatives(
            subject, render_to_string(f"account/email/{kind}.txt", values), to=[to]
        )
        message.attach_alternative(render_to_string(HTML.format(kind), values), "text/html")
    message.stand_in = stand_in  # type: ignore[attr-defined]  # read by channels_inbox.account_mail
    message.send()
