"""Decides what happens when a process ends: restart with a growing pause; and the order of a clean stop."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from helpdesk.embedded.language import Refusal
from helpdesk.embedded.language import gettext as _
from helpdesk.embedded.locations import rotate_log
from helpdesk.embedded.processes import die_with_parent, end_group
from helpdesk.embedded.servers import Servers

HEAL_PAUSE = 10.0
LONGEST_PAUSE = 30.0
PROVEN_AFTER = 60.0


@dataclass
class Child:
    """One supervised process: `argv`, and `patience`, the seconds it gets to end by itself when asked."""

    name: str
    argv: Sequence[str]
    patience: float = 15.0
    environment: Mapping[str, str] = field(default_factory=dict)
    keep_open: tuple[int, ...] = ()
    process: subprocess.Popen | None = None
    started: float = 0.0
    due: float = 0.0
    pause: float = 0.5

    def start(self, environment: Mapping[str, str], logs: Path) -> None:
        """Start it in a session of its own, output into `logs/<name>.log`, dying with the supervisor."""
        log = logs / f"{self.name}.log"
        rotate_log(log)
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                list(self.argv), env=dict(environment) | dict(self.environment), stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, start_new_session=True, pass_fds=self.keep_open,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )  # fmt: skip
        self.started = time.monotonic()

    def ended(self) -> int | None:
        """The exit code once it has ended and nothing of its session is left; None while it runs or waits."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        end_group(self.process.pid)
        self.pause = (
            0.5 if time.monotonic() - self.started > PROVEN_AFTER else min(self.pause * 2, LONGEST_PAUSE)
        )
        self.due = time.monotonic() + self.pause
        self.process = None
        return code

    def stop(self) -> None:
        """Ask, wait, insist; nothing of its session is left afterwards."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=self.patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        end_group(self.process.pid)
        self.process = None


@dataclass
class Supervisor:
    """Keeps the children and the embedded servers alive; `say` prints one line to the person."""

    servers: Servers
    children: Sequence[Child]
    environment: Mapping[str, str]
    say: Callable[[str], None]
    heal_due: float = 0.0

    def start(self) -> None:
        """Start every child, in order."""
        for child in self.children:
            child.start(self.environment, self.servers.data / "logs")

    def watch(self) -> None:
        """One round: heal the servers, restart the children whose pause is over."""
        self._heal_servers()
        for child in self.children:
            code = child.ended()
            if code is not None:
                self.say(self._report(child, code))
            if child.process is None and time.monotonic() >= child.due:
                child.start(self.environment, self.servers.data / "logs")
            elif child.process is not None:
                rotate_log(self.servers.data / "logs" / f"{child.name}.log")

    def stop(self) -> None:
        """End the children in reverse order of their start; the servers, which they need, end after them."""
        for child in reversed(self.children):
            child.stop()

    def _heal_servers(self) -> None:
        if time.monotonic() < self.heal_due:
            return
        try:
            for name in self.servers.heal():
                self.say(_("%(name)s had ended and was started again.") % {"name": name})
        except Refusal as refusal:  # a full disk heals; the desk waits for it
            self.say(str(refusal))
            self.heal_due = time.monotonic() + HEAL_PAUSE

    def _report(self, child: Child, code: int) -> str:
        values = {
            "name": child.name,
            "code": signal.Signals(-code).name if code < 0 else code,
            "pause": f"{child.pause:.0f}",
            "log": os.path.join(self.servers.data, "logs", f"{child.name}.log"),
        }
        return _("%(name)s ended (%(code)s) and starts again in %(pause)s s; see %(log)s.") % values
