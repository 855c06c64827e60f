"""Decides whom the desk wakes when messages stop: administrators, by account mail (R-149, reliability 1.2)."""

from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import CharField, Exists, OuterRef
from django.db.models.functions import Cast
from django.urls import reverse
from django.utils import translation
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from channels_inbox.models import Channel, InboundMessage, OutboundMessage
from channels_inbox.watch import trouble_sentence
from helpdesk.lib.clock import AppNow
from helpdesk.people.audit import record
from helpdesk.people.models import AuditEntry, BackupAlarm, User
from tickets.models import Role, SystemText
from tickets.placeholders import render

UNCERTAIN_MINUTES = 30
AT_MOST = 20


def administrators() -> list[User]:
    """People who hold the role admin and can sign in."""
    return list(User.objects.filter(is_active=True, memberships__role=Role.ADMIN).distinct())


def _tell(words: Callable[[User], tuple[str, str]]) -> None:
    """Mail every administrator; `words` gives subject and text, called in the person's language."""
    for person in administrators():
        with translation.override(person.language):
            subject, text = words(person)
            send_mail(subject, text, settings.DEFAULT_FROM_EMAIL, [person.email])


def message_died(inbound: InboundMessage) -> None:
    """Tell administrators of the first message that could not be understood; later ones stand in the list."""
    if InboundMessage.objects.filter(state="dead").count() > 1:
        return
    link = settings.BASE_URL + reverse("admin:channels_inbox_inboundmessage_changelist") + "?state=dead"
    _tell(
        lambda person: (
            _("A message could not be read"),
            _("A message of %(channel)s could not be turned into a ticket. It is kept: %(link)s")
            % {"channel": inbound.channel.name, "link": link},
        )
    )


def uncertain_too_long() -> int:
    """Tell administrators of replies nobody knows the fate of for 30 minutes, once each; return how many.

    The audit trail remembers what was told, so that the next sweep does not; at most `AT_MOST` a sweep.
    """
    long_ago = AppNow() - timedelta(minutes=UNCERTAIN_MINUTES)
    told = AuditEntry.objects.filter(
        kind="delivery_uncertain", subject=Cast(OuterRef("pk"), output_field=CharField())
    )
    untold = list(
        OutboundMessage.objects.filter(
            ~Exists(told), state=OutboundMessage.UNCERTAIN, handed_at__lt=long_ago, purpose="reply"
        ).order_by("id")[:AT_MOST]
    )
    for row in untold:
        with transaction.atomic():
            record("delivery_uncertain", subject=str(row.pk))
            _tell_uncertain(row)
    return len(untold)


def _tell_uncertain(row: OutboundMessage) -> None:
    link = settings.BASE_URL + reverse("admin:channels_inbox_outboundmessage_changelist") + "?state=uncertain"
    _tell(
        lambda person: (
            _("It is not known whether a reply arrived"),
            _("The connection ended while a reply to %(recipient)s was leaving. Say what happened: %(link)s")
            % {"recipient": row.recipient, "link": link},
        )
    )


def channel_silent(channel: Channel, *, over: bool) -> None:
    """Tell administrators that a mailbox stopped delivering, or that it flows again; never by that channel."""
    _tell(
        lambda person: (
            _("%(channel)s flows again") % {"channel": channel.name} if over else _alarm_subject(channel),
            _("Messages arrive again. Nothing to do.") if over else _alarm_text(channel, person.language),
        )
    )


def backups_stopped(reason: str, *, over: bool) -> None:
    """Tell administrators that there is no good backup of late, or that there is one again (R-429)."""
    link = settings.BASE_URL + reverse("admin:people_backup_changelist")
    _tell(
        lambda person: (
            _("Backups work again") if over else _("There is no recent backup"),
            _("A backup was written. Nothing to do.")
            if over
            else " ".join([str(BackupAlarm(reason).label), _("See the backups:"), link]),
        )
    )


def _alarm_subject(channel: Channel) -> str:
    if channel.alarm_reason in {Channel.Alarm.REFUSED, Channel.Alarm.SENDING, Channel.Alarm.PROBE}:
        return trouble_sentence(channel)
    return _("Mail of %(channel)s stopped arriving") % {"channel": channel.name}


def _alarm_text(channel: Channel, language: str) -> str:
    """The company's own text where mail stopped arriving; where mail cannot leave, a sentence that says so."""
    if channel.alarm_reason == Channel.Alarm.SENDING:
        return trouble_sentence(channel)
    return _silence_text(channel, language)


def _silence_text(channel: Channel, language: str) -> str:
    row = SystemText.objects.filter(key="emails_pararam", language=language).first()
    row = row or SystemText.objects.filter(key="emails_pararam").first()
    since = channel.failing_since or channel.last_inbound_at
    moment = localtime(since).strftime("%d/%m %Hh%M") if since else ""
    values = {"channel.name": channel.name, "channel.last_inbound": moment}
    text = render(row.text, values) if row else channel.name
    return f"{text}\n\n{channel.last_error}".strip()
