"""`manage.py clear_demo`: removes the demonstration and leaves everything that is real."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from helpdesk.embedded.language import speaks_english
from tickets.demo.removal import clear_demo


class Command(BaseCommand):
    help = "Remove the tickets, customers and people of the demonstration; real ones stay."

    def handle(self, *_args: Any, **_options: Any) -> None:
        with translation.override("en" if speaks_english() else settings.LANGUAGE_CODE):
            cleared = clear_demo()
            said = _("Removed: %(tickets)s tickets and %(contacts)s contacts of the demonstration.")
            self.stdout.write(said % {"tickets": cleared.tickets, "contacts": cleared.contacts})
            if cleared.switched_off:
                said = ngettext(
                    "%(n)s person of the team is only switched off, because the history names the person.",
                    "%(n)s people of the team are only switched off, because the history names them.",
                    cleared.switched_off,
                )
                self.stdout.write(said % {"n": cleared.switched_off})
