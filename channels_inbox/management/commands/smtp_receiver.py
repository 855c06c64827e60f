"""`manage.py smtp_receiver`: takes mail for the mailboxes on a local port until told to stop."""

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from channels_inbox.smtp_session import ReceiverController


class Command(BaseCommand):
    help = "Receive mail for the channels' addresses on a local SMTP port."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=settings.LOCAL_SMTP_PORT)

    def handle(self, *_args: Any, host: str, port: int, **_options: Any) -> None:
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_signal: stopped.set())
        controller = ReceiverController(host=host, port=port)
        try:
            controller.start()
        except OSError as error:
            text = _("The mail receiver cannot listen on %(host)s:%(port)s: %(reason)s")
            raise CommandError(text % {"host": host, "port": port, "reason": error.strerror}) from error
        self.stderr.write(f"smtp_receiver: {host}:{port}")
        stopped.wait()
        controller.stop()
