"""The whole desk under its supervisor: real processes, killed one by one, stopped, started again."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg2
import pytest
import redis

from helpdesk.embedded.processes import is_running
from tests.helpdesk.embedded.conftest import until

ROOT = Path(__file__).resolve().parents[3]
CHILDREN = {
    "web": "helpdesk.embedded.web", "worker": "celery -A helpdesk.celery:app worker",
    "beat": "celery -A helpdesk.celery:app beat", "smtp": "smtp_receiver",
}  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Desk:
    """A running `up`; `output` is what it said so far."""

    data: Path
    port: int = field(default_factory=free_port)
    smtp_port: int = field(default_factory=free_port)

    def start(self) -> None:
        self.said = self.data.parent / "said.txt"
        environment = {name: value for name, value in os.environ.items() if name not in GIVEN_TO_TESTS}
        with self.said.open("w") as output:
            self.process = subprocess.Popen(
                self.command(), env=environment, stdout=output, stderr=subprocess.STDOUT
            )
        until(lambda: self.process.poll() is not None or "Running" in self.output(), seconds=100)
        assert self.process.poll() is None, self.output()

    def command(self) -> list[str]:
        ports = ["--port", str(self.port), "--smtp-port", str(self.smtp_port)]
        return [
            sys.executable,
            "-m",
            "helpdesk.embedded",
            "up",
            "--data",
            str(self.data),
            "--no-demo",
            *ports,
        ]

    def output(self) -> str:
        return self.said.read_text()

    def processes(self) -> dict[int, str]:
        """Every process below the supervisor, with its command line."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if parent == self.process.pid and words:
                found[int(entry.name)] = words
        return found

    def child(self, words: str) -> int | None:
        return next((pid for pid, command in self.processes().items() if words in command), None)

    def answers(self) -> bool:
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5).status == 200
        except OSError:
            return False

    def kill(self, words: str) -> None:
        """Kill the child and wait until another one stands in its place."""
        pid = until(lambda: self.child(words))
        os.kill(pid, signal.SIGKILL)
        until(lambda: self.child(words) not in {None, pid})


# The session's own servers and settings must not reach the desk under test.
GIVEN_TO_TESTS = {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "ENCRYPTION_KEYS", "DATA_DIR", "LOCAL_MAILBOX",
                  "DJANGO_SETTINGS_MODULE", "KEY_PREFIX", "BASE_URL"}  # fmt: skip


@pytest.fixture
def desk(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("LOG_LEVEL", "INFO")
    desk = Desk(place / "the data")
    desk.start()
    yield desk
    if desk.process.poll() is None:
        desk.process.kill()
        desk.process.wait()
        until(lambda: not (desk.data / "postgres" / "postmaster.pid").exists())


def stop(desk: Desk) -> None:
    pids = set(desk.processes())
    desk.process.send_signal(signal.SIGTERM)
    assert desk.process.wait(timeout=60) == 0, desk.output()
    assert not [pid for pid in pids if is_running(pid)]


def rows(desk: Desk, statement: str) -> list[tuple]:
    directory = re.search(r"-k (/tmp/presteza-\S+)", " ".join(desk.processes().values()))
    assert directory
    connection = psycopg2.connect(host=directory[1], user="postgres", dbname="presteza")
    with connection, connection.cursor() as cursor:
        cursor.execute(statement)
        found = cursor.fetchall()
    connection.close()
    return found


@pytest.mark.timeout(240)
def test_up_heals_keeps_data_and_stops(desk: Desk) -> None:  # issue: Done when 1
    said = desk.output()
    assert f"http://127.0.0.1:{desk.port}/" in said
    assert "@" in said
    assert "password" in said
    people = rows(desk, "SELECT id, password FROM people_user")
    assert len(people) == 1

    for words in CHILDREN.values():
        desk.kill(words)
    desk.kill("bin/postgres -D")
    desk.kill("valkey-server")
    until(desk.answers)
    assert until(lambda: rows(desk, "SELECT id, password FROM people_user")) == people
    broker = re.search(r"unixsocket:(/tmp/\S+)", " ".join(desk.processes().values()))
    assert broker
    assert redis.Redis(unix_socket_path=broker[1]).ping()

    second = subprocess.run(desk.command(), capture_output=True, text=True, timeout=60)
    assert second.returncode == 1
    assert "already runs" in second.stderr
    assert len(second.stderr.splitlines()) == 1

    stop(desk)
    desk.start()  # keeps the data, tells no password again
    assert "password" not in desk.output()
    assert rows(desk, "SELECT id, password FROM people_user") == people
    assert desk.answers()

    before = set(desk.processes())
    desk.process.kill()  # the supervisor itself: nothing stays behind
    desk.process.wait()
    until(lambda: not [pid for pid in before if is_running(pid)], seconds=60)
    desk.start()
    assert rows(desk, "SELECT id, password FROM people_user") == people
    stop(desk)
