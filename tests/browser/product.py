"""The product as processes: the web server once a session, the worker and the local SMTP port when a test asks."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.flows.worker import free_port, until, worker_environment


def environment(url: str) -> dict[str, str]:
    """What every process of the product is started with: this session's database and broker, and its own address."""
    return worker_environment() | {"DJANGO_SETTINGS_MODULE": "tests.browser.live_settings", "BASE_URL": url}


@contextmanager
def process(command: list[str], *, log: Path, port: int, env: dict[str, str]) -> Iterator[None]:
    """Run a server until the block ends; it counts as started when its port answers."""
    with log.open("wb") as kept:
        running = subprocess.Popen(command, env=env, stdout=kept, stderr=kept, start_new_session=True)
        try:
            until(lambda: listens(port) or running.poll() is not None, seconds=60)
            assert running.poll() is None, log.read_text(errors="replace")[-2000:]
            yield
        finally:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def web(home: Path) -> Iterator[str]:
    """Serve the product with uvicorn; yield its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        sys.executable, "-m", "uvicorn", "helpdesk.asgi:application", "--host", "127.0.0.1", "--port", str(port),
        "--lifespan", "off", "--no-access-log", "--no-server-header", "--log-level", "warning",
    ]  # fmt: skip
    with process(command, log=home / "web.log", port=port, env=environment(url)):
        yield url


@contextmanager
def smtp_port(home: Path, url: str) -> Iterator[int]:
    """Run `manage.py smtp_receiver`; yield its port."""
    port = free_port()
    command = [sys.executable, "manage.py", "smtp_receiver", "--port", str(port)]
    with process(command, log=home / "smtp.log", port=port, env=environment(url)):
        yield port
