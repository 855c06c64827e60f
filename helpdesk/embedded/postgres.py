"""Decides how the embedded PostgreSQL is made, started, adopted and stopped: `start_postgres`."""

import hashlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psycopg2

from helpdesk.embedded.language import Refusal
from helpdesk.embedded.language import gettext as _
from helpdesk.embedded.locations import (
    SPACE_TO_CREATE,
    SPACE_TO_START,
    full_disk,
    require_space,
    rotate_log,
    socket_directory,
    start_lock,
)
from helpdesk.embedded.postgres_binaries import (
    environment,
    reachable_binaries,
    refuse_other_version,
    shared_state_directory,
)
from helpdesk.embedded.processes import (
    Identity,
    is_running,
    postgres_identity,
)
from helpdesk.embedded.server import Server

DATABASE = "presteza"
PATIENCE = 30.0
RECOVERY_PATIENCE = 600.0  # a server that lives but takes no connections yet replays its log: let it
PASSING = ("already exists", "still in use")  # what is left of a killed server goes away within moments
# A small office on a machine that also runs the rest; the wheel's defaults assume nothing at all.
SETTINGS = {
    "listen_addresses": "", "unix_socket_permissions": "0700", "max_connections": "100",
    "max_locks_per_transaction": "256", "shared_buffers": "256MB",
    "effective_cache_size": "1GB", "work_mem": "16MB",
    "maintenance_work_mem": "128MB", "max_wal_size": "1GB", "random_page_cost": "1.1", "jit": "off",
    "update_process_title": "off",
    "log_timezone": "UTC", "timezone": "UTC", "log_checkpoints": "off",
}  # fmt: skip
THROW_AWAY = {
    "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "128MB",
    "wal_level": "minimal", "max_wal_senders": "0",
}  # fmt: skip


def start_postgres(data: Path, *, durable: bool = True, identity: Identity | None = None) -> Server:
    """Start, or adopt, the server whose cluster lies in `data/postgres`; made when absent, database included.

    `durable=False` is for throw-away test clusters (no fsync). `identity` is chosen unless given. Raises
    Refusal with one sentence: no wheel, no room, other version, unreadable, not startable.
    """
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    (data / "logs").mkdir(mode=0o700, exist_ok=True)
    with start_lock(data):
        cluster = _locate_cluster(data, identity)
        who = identity or postgres_identity(cluster)
        binaries = reachable_binaries(who)
        _require_cluster(cluster, binaries, who, durable=durable)
        directory = socket_directory(cluster, owner=who.owner)
        server = _start_or_adopt(data, cluster, binaries, who, directory, durable=durable)
        _require_database(directory)
        return server


def _locate_cluster(data: Path, identity: Identity | None) -> Path:
    """`data/postgres`; below /var/lib/presteza when the server's account could not reach it there."""
    cluster = data / "postgres"
    who = identity or postgres_identity(cluster)
    if who.uid is None or who.can_reach(data):
        return cluster
    return shared_state_directory() / hashlib.sha256(str(data).encode()).hexdigest()[:12]


def _require_cluster(cluster: Path, binaries: Path, who: Identity, *, durable: bool) -> None:
    """See that there is a usable cluster; made beside and renamed, so half of one is never taken for it."""
    try:
        if (cluster / "PG_VERSION").exists():
            refuse_other_version(cluster)
            return
        if cluster.exists() and any(cluster.iterdir()):
            raise Refusal(
                _("%(path)s is not a PostgreSQL data directory; move it away or name another.")
                % {"path": cluster}
            )
    except PermissionError as error:
        raise Refusal(
            _("The database files in %(path)s cannot be read by this user.") % {"path": cluster}
        ) from error
    require_space(cluster.parent, wanted=SPACE_TO_CREATE if durable else SPACE_TO_START)
    partial = cluster.with_name(cluster.name + ".new")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    if who.uid is not None:
        shutil.chown(partial, who.uid, who.gid)
    words = "-U postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8" + ("" if durable else " --no-sync")
    answer = who.run([binaries / "initdb", "-D", partial, *words.split()], env=environment())
    if answer.returncode != 0:
        raise _failure(cluster, answer.stderr)
    partial.replace(cluster)


def _start_or_adopt(
    data: Path, cluster: Path, binaries: Path, who: Identity, directory: Path, *, durable: bool
) -> Server:
    url = f"postgres://postgres@/{DATABASE}?host={directory}"
    socket = directory / ".s.PGSQL.5432"
    process: subprocess.Popen | None = None
    log = data / "logs" / "postgres.log"
    rotate_log(log)
    began, written = time.monotonic(), 0
    while True:
        pid = process.pid if process else running_postmaster(cluster)
        if pid and accepts(directory):
            return Server(
                url, pid, socket, data, process, endings=(signal.SIGINT, signal.SIGQUIT), patience=60
            )
        if process and process.poll() is not None:
            words = _last_words(log, since=written)
            if not any(reason in words for reason in PASSING) or time.monotonic() - began > PATIENCE:
                raise _failure(cluster, words)
            process = pid = None
        if not pid:
            _forget_dead_server(cluster, socket)
            written = log.stat().st_size if log.exists() else 0
            command: list[str | Path] = [binaries / "postgres", "-D", cluster, "-k", directory]
            command += _options(durable)
            process = who.start(command, env=environment(), log=log, death=signal.SIGINT)
        elif time.monotonic() - began > RECOVERY_PATIENCE:
            raise _failure(cluster, _("no answer for %(seconds)d seconds") % {"seconds": RECOVERY_PATIENCE})
        time.sleep(0.05)


def _options(durable: bool) -> list[str]:
    settings = SETTINGS if durable else SETTINGS | THROW_AWAY
    return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]


def running_postmaster(cluster: Path) -> int | None:
    """The pid of the living server of this cluster; not of a zombie, nor a number since given to another.

    `pg_ctl status` calls a zombie running, and a pid file outlives a reboot or a container: neither is
    believed.
    """
    try:
        pid = int((cluster / "postmaster.pid").read_text().split("\n", 1)[0])
        same = os.path.samefile(f"/proc/{pid}/cwd", cluster)
    except PermissionError:
        same = True  # a process we may not look into: believe the file rather than start a second server
    except (OSError, ValueError):
        return None
    return pid if same and is_running(pid) else None


def _forget_dead_server(cluster: Path, socket: Path) -> None:
    """Remove what a killed server leaves: its numbers may belong to a zombie or to somebody else by now."""
    (cluster / "postmaster.pid").unlink(missing_ok=True)
    socket.with_name(socket.name + ".lock").unlink(missing_ok=True)


def accepts(directory: Path, *, database: str = "postgres") -> bool:
    """True when the server at this socket directory takes a connection to the database."""
    try:
        psycopg2.connect(host=str(directory), user="postgres", dbname=database, connect_timeout=5).close()
    except psycopg2.OperationalError:
        return False
    return True


def _require_database(directory: Path) -> None:
    if accepts(directory, database=DATABASE):
        return
    connection = psycopg2.connect(host=str(directory), user="postgres", dbname="postgres")
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if cursor.fetchone() is None:
                cursor.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        connection.close()


def _last_words(log: Path, *, since: int) -> str:
    with log.open("rb") as handle:
        handle.seek(min(since, log.stat().st_size))
        return handle.read().decode(errors="replace")


def _failure(cluster: Path, words: str) -> Refusal:
    if "No space left on device" in words:
        return full_disk(cluster.parent)
    telling = [
        line for line in words.strip().splitlines() if "FATAL" in line or "PANIC" in line or "error:" in line
    ]
    reason = (telling or words.strip().splitlines() or ["?"])[-1].strip()
    return Refusal(
        _("The embedded PostgreSQL in %(path)s does not start: %(reason)s")
        % {"path": cluster, "reason": reason}
    )
