"""Decides how a server process is started and watched: session of its own, death with its parent, as whom.

PostgreSQL refuses uid 0. As root it therefore runs in a user namespace (nothing on the machine changes), or,
where namespaces are not allowed, as the user `postgres` or `nobody`.
"""

import contextlib
import ctypes
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000")


@dataclass(frozen=True)
class Identity:
    """As whom a server tool runs: `prefix` goes before its command line, `uid` and `gid` replace ours."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None

    @property
    def owner(self) -> int:
        """The uid that owns the files this identity writes, as seen from outside its namespace."""
        return os.geteuid() if self.uid is None else self.uid

    def run(self, argv: Sequence[str | Path], *, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a short tool to its end; its output is captured, its input is empty."""
        return subprocess.run(
            [*self.prefix, *map(str, argv)], env=dict(env), cwd="/", stdin=subprocess.DEVNULL,
            capture_output=True, text=True, errors="replace", **self._user(),
        )  # fmt: skip

    def start(
        self, argv: Sequence[str | Path], *, env: Mapping[str, str], log: Path, death: int
    ) -> subprocess.Popen:
        """Start a server as our child, output appended to `log`; it gets the signal `death` when we die."""
        with log.open("ab") as output:
            return subprocess.Popen(
                [*self.prefix, *map(str, argv)], env=dict(env), cwd="/", stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, start_new_session=True, preexec_fn=die_with_parent(death),
                **self._user(),
            )  # fmt: skip

    def can_reach(self, path: Path) -> bool:
        """True when this identity may enter (a directory) or run (a file) the path."""
        return (
            self.run(["test", "-x", path], env={"PATH": os.environ.get("PATH", os.defpath)}).returncode == 0
        )

    def _user(self) -> dict:
        return {} if self.uid is None else {"user": self.uid, "group": self.gid, "extra_groups": []}


def die_with_parent(death: int) -> Callable[[], None]:
    """For `preexec_fn`: the kernel sends `death` to the child when its parent ends, however it ends."""
    parent = os.getpid()

    def ask_kernel() -> None:
        if not hasattr(_libc, "prctl"):  # only Linux has it; elsewhere no embedded server runs
            return
        _libc.prctl(_PR_SET_PDEATHSIG, death, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return ask_kernel


@cache
def namespaces_work() -> bool:
    """True when root may start a process in a user namespace here (some containers refuse it)."""
    try:
        return subprocess.run([*_NAMESPACE, "true"], capture_output=True).returncode == 0
    except OSError:
        return False


def unprivileged_identity() -> Identity:
    """The account root falls back to: `postgres` where there is one, else `nobody`."""
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            account = pwd.getpwnam(name)
            return Identity(uid=account.pw_uid, gid=account.pw_gid)
    return Identity(uid=65534, gid=65534)


def postgres_identity(cluster: Path) -> Identity:
    """As whom PostgreSQL runs for this cluster; one that already exists keeps the way it was made."""
    if os.geteuid() != 0:
        return Identity()
    fallback = unprivileged_identity()
    if cluster.exists() and cluster.stat().st_uid == fallback.uid:
        return fallback
    return Identity(prefix=_NAMESPACE) if namespaces_work() else fallback


def is_running(pid: int) -> bool:
    """True for a living process; a zombie (dead, not yet reaped) does not count."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except (OSError, IndexError):
        return False


def await_end(pid: int, *, seconds: float) -> bool:
    """Wait until the process is gone; False when it still runs after that many seconds."""
    deadline = time.monotonic() + seconds
    while is_running(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def end_process(
    pid: int, process: subprocess.Popen | None, *, polite: int, hard: int, seconds: float
) -> None:
    """Ask a process to end, insist after that many seconds, and reap it when it is our child."""
    for wish, patience in ((polite, seconds), (hard, 10.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, wish)
        if await_end(pid, seconds=patience):
            break
    if process is not None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)


def end_group(leader: int, *, wish: int = signal.SIGKILL) -> None:
    """Signal everything that is left of a child's session (pool processes outlive a killed leader)."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, wish)
