"""Places and accounts for the tests of the embedded servers: real processes, real signals, nothing shared."""

import os
import pickle
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from helpdesk.embedded.processes import unprivileged_identity


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty directory that every account can enter (pytest's own tmp_path is closed to others as root)."""
    path = Path(tempfile.mkdtemp(prefix="presteza-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def until(condition: Callable[[], Any], *, seconds: float = 20.0) -> Any:
    """Poll until the condition gives something true; fail after that many seconds."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "the condition never became true"
        time.sleep(0.05)
    return found


def as_normal_user(work: Callable[[], Any]) -> Any:
    """Run `work` in a forked child that is no longer root, and give its answer back.

    As a normal user just run it.
    """
    if os.geteuid() != 0:
        return work()
    who = unprivileged_identity()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(who.gid, who.gid, who.gid)
            os.setresuid(who.uid, who.uid, who.uid)
            answer = ("ok", work())
        except BaseException:
            answer = ("failed", traceback.format_exc())
        os.write(writing, pickle.dumps(answer))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        outcome, value = pickle.loads(pipe.read())
    os.waitpid(child, 0)
    assert outcome == "ok", value
    return value


@pytest.fixture
def normal_user_reaches_wheel() -> None:
    """Skip where the checkout itself is closed to other accounts."""
    from helpdesk.embedded.postgres_binaries import wheel_directory

    if os.geteuid() == 0 and not unprivileged_identity().can_reach(wheel_directory() / "bin" / "postgres"):
        pytest.skip("the checkout lies in a directory that only root may enter")
