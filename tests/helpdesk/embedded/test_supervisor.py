import os
import signal
import sys
from pathlib import Path

import pytest

from helpdesk.embedded.processes import is_running
from helpdesk.embedded.servers import Servers
from helpdesk.embedded.supervisor import Child, Supervisor
from tests.helpdesk.embedded.conftest import until

SLEEPER = "import time; time.sleep(600)"
POLITE = """
import signal, sys, time
order, name = sys.argv[1:]
signal.signal(signal.SIGTERM, lambda *_: (open(order, "a").write(name), sys.exit()))
open(order + name, "w")
time.sleep(600)
"""
STUBBORN = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1] + "c", "w")
time.sleep(600)
"""
# A parent with a pool process, as Celery has; the pool process is deaf to the polite signal.
PARENT = (
    "import os, signal, subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', "
    "'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)']);"
    "open(sys.argv[1], 'a').write(f'{child.pid}\\n'); time.sleep(600)"
)


def supervise(place: Path, *children: Child) -> tuple[Supervisor, list[str]]:
    (place / "logs").mkdir()
    said: list[str] = []
    supervisor = Supervisor(Servers(place), children, dict(os.environ), said.append)
    supervisor.start()
    return supervisor, said


def numbers(place: Path) -> list[int]:
    return [int(line) for line in (place / "pids").read_text().split()] if (place / "pids").exists() else []


def test_killed_child_starts_again_and_what_it_left_ends(place: Path) -> None:
    child = Child("worker", [sys.executable, "-c", PARENT, str(place / "pids")])
    supervisor, said = supervise(place, child)
    try:
        until(lambda: numbers(place))
        assert child.process
        first = child.process.pid
        os.kill(first, signal.SIGKILL)
        until(lambda: (supervisor.watch(), len(numbers(place)) == 2)[1])
        assert child.process.pid != first
        assert not is_running(numbers(place)[0])
        assert "SIGKILL" in said[0]
        assert "worker" in said[0]
    finally:
        supervisor.stop()
    until(lambda: not [pid for pid in numbers(place) if is_running(pid)])


def test_child_that_keeps_ending_waits_longer_each_time(place: Path) -> None:
    child = Child("smtp", [sys.executable, "-c", "print('no port'); raise SystemExit(3)"])
    supervisor, said = supervise(place, child)
    pauses = []
    for round_number in range(3):
        until(lambda n=round_number: (supervisor.watch(), len(said) > n)[1])
        pauses.append(child.pause)
        child.due = 0.0  # do not sit the pause out
    supervisor.stop()
    assert pauses == [1.0, 2.0, 4.0]
    assert "(3)" in said[0]
    assert "no port" in (place / "logs" / "smtp.log").read_text()


def test_stop_ends_children_in_reverse_order_and_insists(place: Path) -> None:
    order = str(place / "order")
    children = [
        Child("a", [sys.executable, "-c", POLITE, order, "a"]),
        Child("b", [sys.executable, "-c", POLITE, order, "b"]),
        Child("c", [sys.executable, "-c", STUBBORN, order], patience=0.2),
    ]
    supervisor, _said = supervise(place, *children)
    until(lambda: all((place / f"order{name}").exists() for name in "abc"))
    supervisor.stop()
    assert (place / "order").read_text() == "ba"
    assert [child.process for child in children] == [None, None, None]


@pytest.mark.parametrize("size", [10, 11 * 1024 * 1024])
def test_log_is_cut_while_its_writer_appends(place: Path, size: int) -> None:
    child = Child("web", [sys.executable, "-c", SLEEPER])
    (place / "logs").mkdir()
    log = place / "logs" / "web.log"
    supervisor = Supervisor(Servers(place), [child], dict(os.environ), print)
    supervisor.start()
    log.write_bytes(b"x" * size)
    supervisor.watch()
    supervisor.stop()
    assert log.stat().st_size == (size if size == 10 else 0)
    assert (place / "logs" / "web.log.1").exists() == (size != 10)
