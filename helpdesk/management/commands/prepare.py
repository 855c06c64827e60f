"""`manage.py prepare`: brings an installation to the state its processes need; `./hd up` runs it first.

Prints what the person should know (addresses, first login) on its output, and nothing else there.
"""

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.utils import translation

from helpdesk.backup.migrations import refuse_newer_database
from helpdesk.embedded.language import Refusal, speaks_english
from helpdesk.first_run import describe_installation
from helpdesk.people.models import User
from helpdesk.static_files import collect_when_changed


class Command(BaseCommand):
    help = "Migrate, collect static files, load the presets and, on the first run, the demonstration."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-demo", action="store_true")

    def handle(self, *_args: Any, no_demo: bool, **_options: Any) -> None:
        try:
            refuse_newer_database()
        except Refusal as refusal:
            sys.exit(str(refusal))
        call_command("migrate", verbosity=0, interactive=False)
        collect_when_changed()
        first_run = not User.objects.exists()
        if first_run and not no_demo:
            call_command("demo", stdout=self.stdout)  # its logins are told once, and stay out of the log
            self.stdout.write("")
        call_command("setup_installation", stdout=sys.stderr)
        with translation.override("en" if speaks_english() else settings.LANGUAGE_CODE):
            self.stdout.write("\n".join(describe_installation(settings.BASE_URL)))
