"""Makes a new random password for a person of the team (the first administrator unless named)."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from helpdesk.first_run import ADMIN_EMAIL, new_password


class Command(BaseCommand):
    help = "Print a new random password for a person of the team."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", nargs="?", default=ADMIN_EMAIL)

    def handle(self, *args: Any, **options: Any) -> None:
        email, password = new_password(options["email"])
        self.stdout.write(f"{email}  {password}")
