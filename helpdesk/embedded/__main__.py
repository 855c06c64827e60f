"""Decides what `./hd` runs: `up`, or a management command with the embedded servers at its side."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from helpdesk.embedded.instance import process_environment, read_instance
from helpdesk.embedded.language import Refusal
from helpdesk.embedded.language import gettext as _
from helpdesk.embedded.locations import ROOT, data_directory, full_disk, try_lock
from helpdesk.embedded.servers import running_servers
from helpdesk.embedded.up import run_up

# Commands that read no row: they run at once, on a machine without any data as well.
WITHOUT_SERVERS = {
    "check", "collectstatic", "compilemessages", "help", "makemessages", "makemigrations", "messages",
    "version", "-h", "--help", "--version",
}  # fmt: skip


def run_manage(words: Sequence[str]) -> int:
    """Run `manage.py WORDS` beside a running desk, or with servers started for it; its exit code."""
    command = [sys.executable, str(ROOT / "manage.py"), *words]
    if not words or words[0] in WITHOUT_SERVERS or "--help" in words:
        return subprocess.run(command, env=dict(os.environ) | {"PYTHONPATH": str(ROOT)}).returncode
    data = data_directory()
    lock = None
    if words[0] == "restore" and (lock := try_lock(data / ".up.lock")) is None:
        raise Refusal(_("Stop the running desk first: its data are about to be replaced."))
    environment = process_environment(data, read_instance(data))
    with running_servers(data) as servers:
        child = subprocess.Popen(command, env=environment | servers.environment())
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal tells the child as well
        signal.signal(signal.SIGTERM, lambda _number, _frame: child.terminate())
        try:
            code = child.wait()
        finally:
            signal.signal(signal.SIGINT, previous)
    if lock:
        lock.close()
    return code if code >= 0 else 128 - code


def main() -> None:
    """Entry of `python -m helpdesk.embedded {up,manage} …`; what is refused ends in one sentence and 1."""
    task, words = sys.argv[1], sys.argv[2:]
    try:
        sys.exit(run_up(words) if task == "up" else run_manage(words))
    except Refusal as refusal:
        sys.exit(f"hd: {refusal}")
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        sys.exit(f"hd: {full_disk(Path(error.filename or ROOT).parent)}")


if __name__ == "__main__":
    main()
