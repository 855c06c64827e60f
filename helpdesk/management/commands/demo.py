"""`manage.py demo`: fills an empty installation with a made-up company and thirty conversations."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import translation
from django.utils.translation import gettext as _

from helpdesk.embedded.language import speaks_english
from tickets.demo.making import NotEmpty, make_demo


class Command(BaseCommand):
    help = "Fill an empty installation with a made-up company: people, customers, thirty tickets."

    def handle(self, *_args: Any, **_options: Any) -> None:
        with translation.override("en" if speaks_english() else settings.LANGUAGE_CODE):
            try:
                team, password = make_demo()
            except NotEmpty as refusal:
                raise CommandError(str(refusal)) from None
            self.stdout.write(
                _("People of the demonstration, all with the password %(password)s:") % {"password": password}
            )
            for person in team:
                self.stdout.write(f"  {person.email}  {person.name}")
