"""Decides the order of `./hd up`: places, servers, preparation, processes, addresses.

Then it watches until told to stop.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from helpdesk.embedded.instance import process_environment, read_instance, remember
from helpdesk.embedded.language import Refusal
from helpdesk.embedded.language import gettext as _
from helpdesk.embedded.locations import ROOT, data_directory, full_disk, try_lock
from helpdesk.embedded.servers import running_servers
from helpdesk.embedded.sockets import LISTENER, listen, require_free_port
from helpdesk.embedded.supervisor import Child, Supervisor

ROUND_SECONDS = 0.5
READY_SECONDS = 120.0
QUEUES = "in,out,poll,slow"
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class Stop(BaseException):
    """SIGTERM or SIGINT arrived."""


def parse_options(words: Sequence[str]) -> argparse.Namespace:
    """The flags of `./hd up`."""
    parser = argparse.ArgumentParser(prog="hd up", description=_("Run the whole desk on this machine."))
    parser.add_argument("--host", default="127.0.0.1", help=_("address the web server listens on"))
    parser.add_argument("--port", type=int, default=8000, help=_("port of the web server"))
    parser.add_argument("--smtp-port", type=int, default=2525, help=_("port of the local mail receiver"))
    parser.add_argument("--data", help=_("data directory; default: data/ in the checkout"))
    parser.add_argument("--url", help=_("the address people type, for links in mails"))
    parser.add_argument("--no-demo", action="store_true", help=_("no demonstration data on the first run"))
    return parser.parse_args(words)


def run_up(words: Sequence[str]) -> int:
    """Run the desk until SIGTERM or SIGINT; returns 0 after a clean stop.

    Raises Refusal with one sentence.
    """
    options = parse_options(words)
    data = data_directory(options.data)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_only_one(data))
        listener = stack.enter_context(listen(options.host, options.port))
        options.port = listener.getsockname()[1]
        require_free_port("127.0.0.1", options.smtp_port)
        instance = remember(
            data, read_instance(data), base_url=_base_url(options), smtp_port=options.smtp_port
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _stop_once)
        with contextlib.suppress(Stop):
            environment = process_environment(data, instance)
            servers = stack.enter_context(running_servers(data))
            environment |= servers.environment()
            summary = _prepare(environment, options, data)
            supervisor = Supervisor(servers, _children(data, options, listener.fileno()), environment, say)
            stack.callback(supervisor.stop)
            supervisor.start()
            try:
                _await_ready(supervisor, options)
            finally:  # the first login is told once: not to be lost in a start that fails
                say("\n".join(["", *summary, ""]))
            say(_("Running; Ctrl-C stops."))
            while True:
                time.sleep(ROUND_SECONDS)
                supervisor.watch()
        say(_("Stopping…"))
    return 0


def say(line: str) -> None:
    """One line to the person; a terminal that went away is no reason to stop."""
    with contextlib.suppress(OSError, ValueError):
        print(line, flush=True)


def _stop_once(_number: int, _frame: Any) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    raise Stop


@contextlib.contextmanager
def _only_one(data: Path) -> Any:
    lock = try_lock(data / ".up.lock")
    if lock is None:
        raise Refusal(_("Presteza already runs on the data in %(path)s.") % {"path": data})
    with lock:
        yield


def _base_url(options: argparse.Namespace) -> str:
    """--url, else BASE_URL, else the listening address.

    A host that is not the machine itself needs one of the two.
    """
    if url := options.url or os.environ.get("BASE_URL"):
        os.environ["BASE_URL"] = url
        return str(url)
    if options.host not in LOOPBACK:
        raise Refusal(
            _("With --host %(host)s say with --url the address people will type.") % {"host": options.host}
        )
    host = f"[{options.host}]" if ":" in options.host else options.host
    return f"http://{host}:{options.port}"


def _prepare(environment: Mapping[str, str], options: argparse.Namespace, data: Path) -> list[str]:
    """Migrate, load the presets and, on the first run, the demonstration.

    The lines to show once all is ready.
    """
    say(_("Preparing the database…"))
    demo = ["--no-demo"] if options.no_demo else []
    log = data / "logs" / "prepare.log"
    with log.open("w") as errors:
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), "prepare", *demo],
            env=dict(environment), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=errors, text=True,
        )  # fmt: skip
    if done.returncode != 0:
        words = log.read_text(errors="replace")
        if "No space left on device" in words:
            raise full_disk(data)
        last = (words.strip().splitlines() or ["?"])[-1]
        raise Refusal(
            _("The preparation failed: %(reason)s (details in %(log)s).")
            % {"reason": last.strip(), "log": log}
        )
    return done.stdout.splitlines()


def _children(data: Path, options: argparse.Namespace, listener: int) -> list[Child]:
    python = [sys.executable, "-P"]
    celery = [*python, "-m", "celery", "-A", "helpdesk.celery:app"]
    worker = [
        "worker",
        "-c",
        "2",
        "-O",
        "fair",
        "-Q",
        QUEUES,
        "--without-mingle",
        "--without-gossip",
        "-l",
        "WARNING",
    ]
    beat = ["beat", "-s", str(data / "beat-schedule"), "--pidfile=", "-l", "WARNING"]
    smtp = [sys.executable, str(ROOT / "manage.py"), "smtp_receiver", "--port", str(options.smtp_port)]
    return [
        Child(
            "web",
            [*python, "-m", "helpdesk.embedded.web"],
            environment={LISTENER: str(listener)},
            keep_open=(listener,),
        ),
        Child("worker", [*celery, *worker]),
        Child("beat", [*celery, *beat], patience=5.0),
        Child("smtp", smtp, patience=5.0),
    ]


def _await_ready(supervisor: Supervisor, options: argparse.Namespace) -> None:
    """Until the desk answers; a web process that keeps ending is reported with its log."""
    deadline = time.monotonic() + READY_SECONDS
    address = f"http://{_reachable(options.host)}:{options.port}/healthz"
    while not _answers(address, host=urlsplit(_base_url(options)).netloc):
        supervisor.watch()
        if time.monotonic() > deadline:
            log = supervisor.servers.data / "logs" / "web.log"
            raise Refusal(_("The web server does not answer; see %(log)s.") % {"log": log})
        time.sleep(0.2)


def _reachable(host: str) -> str:
    """The listening address as one connects to it from this machine."""
    if host in {"0.0.0.0", "localhost"}:  # noqa: S104
        return "127.0.0.1"
    return f"[{'::1' if host == '::' else host}]" if ":" in host else host


def _answers(url: str, *, host: str) -> bool:
    """True when the desk answers; asked by the name people type, since it serves no other."""
    request = urllib.request.Request(url, headers={"Host": host})  # noqa: S310 (our own address)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        return opener.open(request, timeout=5).status < 500
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False
