"""Decides when an embedded server counts as dead, and how one is ended."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from helpdesk.embedded.locations import start_lock
from helpdesk.embedded.processes import end_process, is_running
from helpdesk.embedded.sockets import answers

SILENT_ROUNDS = 10


@dataclass
class Server:
    """A running server: `url` for DATABASE_URL or REDIS_URL, `stop()`; the rest is for the supervisor.

    `process` is None for a server that was found running. `endings` are the polite and the hard signal.
    """

    url: str
    pid: int
    socket: Path
    data: Path
    process: subprocess.Popen | None
    endings: tuple[int, int]
    patience: float
    silent: int = 0

    def lives(self) -> bool:
        """True while its process runs (a zombie does not)."""
        if self.process is not None and self.process.poll() is not None:
            return False
        return is_running(self.pid)

    def healthy(self) -> bool:
        """True while it lives and takes connections."""
        return self.lives() and answers(self.socket)

    def needs_restart(self) -> bool:
        """Asked once a round.

        Dead, or silent for ten rounds (one refused connection is only a full queue).
        """
        self.silent = 0 if answers(self.socket) else self.silent + 1
        return not self.lives() or self.silent >= SILENT_ROUNDS

    def stop(self) -> None:
        """End it, everything written; returns when it has ended. Its socket directory goes with it."""
        polite, hard = self.endings
        with start_lock(self.data):
            if self.lives():  # else the number may be somebody else's by now
                end_process(self.pid, self.process, polite=polite, hard=hard, seconds=self.patience)
            shutil.rmtree(self.socket.parent, ignore_errors=True)
