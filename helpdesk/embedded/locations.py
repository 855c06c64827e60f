"""Decides where the embedded mode keeps things (data, sockets, locks), and refuses bad places."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from helpdesk.embedded.language import Refusal
from helpdesk.embedded.language import gettext as _

ROOT = Path(__file__).resolve().parents[2]
SHARED_STATE = Path("/var/lib/presteza")
SPACE_TO_START = 100 * 1024 * 1024
SPACE_TO_CREATE = 300 * 1024 * 1024


def is_given(name: str) -> bool:
    """True when the environment has the variable, itself or as a file (as `helpdesk.lib.env` reads it)."""
    return bool(os.environ.get(name) or os.environ.get(f"{name}_FILE"))


def data_directory(option: str | None = None) -> Path:
    """The data directory (`--data`, DATA_DIR, else `data/` in the checkout), made when absent and usable.

    Raises Refusal naming the directory when it is no directory, belongs to somebody else or cannot be
    written.
    """
    path = Path(option or os.environ.get("DATA_DIR") or ROOT / "data").expanduser().absolute()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        info = path.stat()
        if info.st_uid != os.geteuid():
            raise Refusal(
                _("The data directory %(path)s is another user's; run as that user or give another --data.")
                % {"path": path}
            )
        (path / "logs").mkdir(mode=0o700, exist_ok=True)
        list(path.iterdir())
    except OSError as error:
        raise Refusal(
            _("The data directory %(path)s cannot be used (%(reason)s); name another with --data.")
            % {"path": path, "reason": error.strerror}
        ) from error
    return path


def require_space(path: Path, *, wanted: int) -> None:
    """Refuse when fewer than `wanted` bytes are free where `path` lies."""
    free = shutil.disk_usage(path).free
    if free < wanted:
        raise full_disk(path, free=free)


class FullDisk(Refusal):
    """There is no room for what should be written."""


def full_disk(path: Path, *, free: int | None = None) -> FullDisk:
    """The sentence for a disk without room."""
    left = (shutil.disk_usage(path).free if free is None else free) // (1024 * 1024)
    return FullDisk(
        _("The disk of %(path)s is full (%(free)s MB left); free some space and start again.")
        % {"path": path, "free": left}
    )


def socket_directory(place: Path, *, owner: int) -> Path:
    """A private directory for the socket of the server whose files lie in `place`; short, for the 107 bytes.

    Another local user could have made it first; it is used only when it is a real
    directory, the owner's, 0700.
    """
    digest = hashlib.sha256(str(place).encode()).hexdigest()[:12]
    base = Path("/tmp")  # noqa: S108 (what follows makes it safe); TMPDIR may differ between two of our processes
    if not os.access(base, os.W_OK):
        base = Path(tempfile.gettempdir())
    path = base / f"presteza-{owner}-{digest}"
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
        if owner != os.geteuid():
            os.chown(path, owner, -1)
    info = path.lstat()
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != owner or stat.S_IMODE(info.st_mode) != 0o700:
        raise Refusal(
            _("The socket directory %(path)s is not private to this user; remove it and start again.")
            % {"path": path}
        )
    return path


@contextlib.contextmanager
def start_lock(data: Path) -> Iterator[None]:
    """Wait for, then hold, the right to start or stop the servers of this data directory."""
    with (data / ".start.lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def shared_lock(path: Path) -> IO[str]:
    """The open file, held together with others once nobody holds it alone; closing it (or dying) gives it back."""
    handle = path.open("a+")
    fcntl.flock(handle, fcntl.LOCK_SH)
    return handle


def try_lock(path: Path) -> IO[str] | None:
    """The open file held alone, or None when anybody else holds it; closing it (or dying) gives it back."""
    handle = path.open("a+")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        return None
    return handle


def rotate_log(path: Path, *, limit: int = 10 * 1024 * 1024) -> None:
    """Keep a log below twice `limit` bytes: one older copy, the open file cut (its writers append)."""
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > limit:
            shutil.copyfile(path, path.with_suffix(".log.1"))
            os.truncate(path, 0)
