"""Runs a real Celery worker (prefork, with beat) against the test database, and sends its mail to a real SMTP sink."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from aiosmtpd.controller import Controller
from django.conf import settings
from django.db import connection


class Sink:
    """An SMTP server that keeps every accepted message."""

    def __init__(self) -> None:
        self.messages: list[tuple[list[str], bytes]] = []

    async def handle_DATA(self, server, session, envelope) -> str:
        self.messages.append((list(envelope.rcpt_tos), bytes(envelope.content)))
        return "250 taken"


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def smtp_sink() -> Iterator[tuple[Sink, int]]:
    sink = Sink()
    port = free_port()
    controller = Controller(sink, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield sink, port
    finally:
        controller.stop()


def worker_environment() -> dict[str, str]:
    """The environment in which another process works on this test's database and broker."""
    database = settings.DATABASES["default"]
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": f"postgres://{database['USER']}@/{connection.settings_dict['NAME']}?host={database['HOST']}",
        "KEY_PREFIX": settings.KEY_PREFIX,
    }


def store_one(raw: bytes) -> None:
    """Store one mail for the support mailbox, as a web process or a poller does."""
    from channels_inbox.adapters.email import mail_envelope
    from channels_inbox.inbox import store
    from channels_inbox.models import Channel

    store(Channel.objects.get(key="email-suporte"), [mail_envelope(raw)])


@contextmanager
def worker(home: Path, *, smtp_port: int = 0, **more: str) -> Iterator[Path]:
    """Start the worker; yield the file whose content names the next step at which its process kills itself.

    Mail leaves by the server at `smtp_port`, and stays in the local mailbox without one; `more` is environment.
    """
    crash = home / "crash"
    environment = worker_environment() | {"CRASH_AT": f"@{crash}", "SWEEP_SECONDS": "1"}
    if smtp_port:
        environment |= {
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(smtp_port),
            "SMTP_SECURITY": "none",
            "EGRESS_ALLOW": f"127.0.0.1:{smtp_port}",
        }
    environment |= more
    command = [
        sys.executable, "-m", "celery", "-A", "helpdesk.celery", "worker", "-c", "2", "-O", "fair", "-B",
        "-s", str(home / "beat"), "-Q", ",".join(settings.CELERY_QUEUES_ALL), "--without-mingle", "--without-gossip",
        "-l", "WARNING",
    ]  # fmt: skip
    with (home / "worker.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            yield crash
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def until(condition: Callable[[], object], *, seconds: float = 40) -> None:
    """Wait, bounded, until the condition holds; fail with its last value otherwise."""
    deadline = time.monotonic() + seconds
    while not (last := condition()):
        assert time.monotonic() < deadline, f"still {last!r} after {seconds} s"
        time.sleep(0.1)
