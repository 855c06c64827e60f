"""Makes a new random password for a person of the team (the first administrator unless named)."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from helpdesk.first_run import ADMIN_EMAIL, new_password
from helpdesk.people.models import User


class Command(BaseCommand):
    help = "Print a new random password for a person of the team."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", nargs="?", default=ADMIN_EMAIL)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            email, password = new_password(options["email"])
        except User.DoesNotExist:
            raise CommandError(
                _("Nobody of the team has the address %(email)s.") % {"email": options["email"]}
            )
        self.stdout.write(f"{email}  {password}")
