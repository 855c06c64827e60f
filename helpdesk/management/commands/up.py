"""`manage.py up` is `./hd up`: hands over to the supervisor, which does without Django and stays small."""

import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Run the whole desk on this machine (web, worker, beat, mail receiver, embedded servers)."
    requires_system_checks: list[str] = []

    def run_from_argv(self, argv: list[str]) -> None:
        os.execv(  # noqa: S606
            sys.executable, [sys.executable, "-m", "helpdesk.embedded", "up", *argv[2:]]
        )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("words", nargs="*")

    def handle(self, *_args: Any, words: list[str], **_options: Any) -> None:
        self.run_from_argv(["manage.py", "up", *words])
