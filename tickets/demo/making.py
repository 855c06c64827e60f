"""Decides how the demonstration comes into an installation: whole or not at all, and without a word leaving it."""

from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from channels_inbox.models import Channel, OutboundMessage
from channels_inbox.tasks import one_ring
from channels_inbox.transport import LOCAL
from helpdesk.lib.clock import AppNow, app_now
from helpdesk.people.models import User
from helpdesk.people.site import site_settings
from tickets.demo.clock import story_time
from tickets.demo.people import make_customers, make_team
from tickets.demo.stage import Stage
from tickets.demo.story import cast, timeline
from tickets.models import EntryDelivery, Reaction, Ticket
from tickets.presets import load_preset

PRESET = "software_e_campo"
STORED_NAME = "Presteza"


class NotEmpty(Exception):
    """The installation holds tickets already; a demonstration would stand between real ones."""


def make_demo() -> tuple[list[User], str]:
    """Load preset, people and thirty conversations; return (the team, the password they share).

    One transaction: whoever works beside it sees everything or nothing, and no worker can take a row of it.
    Raises `NotEmpty`.
    """
    with one_ring(), transaction.atomic():
        _refuse_unless_empty()
        with translation.override(settings.LANGUAGE_CODE):
            return _make()


def _make() -> tuple[list[User], str]:
    load_preset(PRESET)
    _name_the_company()
    team, password = make_team()
    now, zone = app_now(), ZoneInfo(site_settings().timezone)
    for person in team.values():
        person.undo_seconds = 0  # of these objects only: nobody undoes a reply of last week
    steps = timeline(now, zone)
    stage = Stage(team=team, now=now, zone=zone)
    with story_time(steps[0].at) as set_moment:
        make_customers()
        for step in steps:
            set_moment(step.at)
            stage.play(step)
            _settle(stage.tickets[step.key])
    _say_nothing_of_the_mailboxes()
    return list(team.values()), password


def _refuse_unless_empty() -> None:
    if Ticket.objects.exists():
        raise NotEmpty(
            _("This installation holds tickets already: the demonstration is only for an empty one.")
        )


def _name_the_company() -> None:
    site = site_settings()
    if site.name == STORED_NAME:
        site.name = cast()["company"]
        site.save(update_fields=["name"])


def _settle(ticket: int) -> None:
    """What the step wrote counts as sent, into the local mailbox; nobody has to react to last week."""
    written = EntryDelivery.objects.filter(entry__ticket=ticket).values("outbound")
    OutboundMessage.objects.filter(pk__in=written, state=OutboundMessage.WAITING).update(
        state=OutboundMessage.DONE, provider_id=LOCAL, attempts=1, handed_at=AppNow(), sent_at=AppNow()
    )
    Reaction.objects.filter(event__ticket=ticket, state=Reaction.WAITING).update(
        state=Reaction.DONE, attempts=1
    )


def _say_nothing_of_the_mailboxes() -> None:
    """Made-up mail does not prove that a mailbox delivers (R-149)."""
    Channel.objects.filter(kind="email").update(last_inbound_at=None)
