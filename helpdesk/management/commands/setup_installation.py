"""Loads the preset into an installation; running it again changes nothing."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from helpdesk.people.site import site_settings
from tickets.presets import load_preset


class Command(BaseCommand):
    help = "Load departments, channels and texts of a preset (once; what exists stays)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--preset", choices=["essencial", "software_e_campo"], help="default: the one loaded")

    def handle(self, *args: Any, **options: Any) -> None:
        load_preset(options["preset"] or site_settings().preset)
