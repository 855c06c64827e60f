import os
import shutil
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg2
import pytest

from helpdesk.embedded.language import Refusal
from helpdesk.embedded.postgres import start_postgres
from helpdesk.embedded.processes import is_running, unprivileged_identity
from tests.helpdesk.embedded.conftest import as_normal_user, until


def query(url: str, sql: str) -> list[tuple]:
    socket = url.partition("host=")[2]
    connection = psycopg2.connect(host=socket, user="postgres", dbname="presteza")
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def test_first_start_makes_cluster_database_and_extensions(place: Path) -> None:
    server = start_postgres(place, durable=False)
    try:
        names = [name for (name,) in query(server.url, "SELECT name FROM pg_available_extensions")]
        assert {"unaccent", "pg_trgm", "btree_gin"} <= set(names)
        assert query(server.url, "SHOW listen_addresses") == [("",)]
        assert stat.S_IMODE((place / "postgres").stat().st_mode) == 0o700
    finally:
        server.stop()
    assert not server.healthy()
    assert not server.socket.parent.exists()


def test_durable_server_keeps_fsync_and_data_over_restart_and_kill(place: Path) -> None:
    server = start_postgres(place)
    try:
        assert query(server.url, "SHOW fsync") == [("on",)]
        assert query(server.url, "SHOW synchronous_commit") == [("on",)]
        query(server.url, "CREATE TABLE kept (id int); INSERT INTO kept VALUES (1)")
        os.kill(server.pid, signal.SIGKILL)  # not reaped: a zombie with our pid file
        again = start_postgres(place)
        assert again.pid != server.pid
        assert query(again.url, "SELECT id FROM kept") == [(1,)]
        assert again.url == server.url
        again.stop()
        third = start_postgres(place)
        assert query(third.url, "SELECT id FROM kept") == [(1,)]
    finally:
        start_postgres(place).stop()
    assert not third.healthy()


def test_second_start_adopts_running_server(place: Path) -> None:
    with ThreadPoolExecutor(4) as pool:  # four at once on an empty directory
        servers = list(pool.map(lambda _n: start_postgres(place, durable=False), range(4)))
    try:
        assert len({server.pid for server in servers}) == 1
        assert [server.process is None for server in servers].count(False) == 1
    finally:
        servers[0].stop()


def test_pid_file_of_another_process_is_not_believed(place: Path) -> None:
    start_postgres(place, durable=False).stop()
    (place / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n{place}/postgres\n0\n5432\n")
    server = start_postgres(place, durable=False)
    assert server.healthy()
    server.stop()


def test_half_made_cluster_is_made_again(place: Path) -> None:
    (place / "postgres.new").mkdir()
    (place / "postgres.new" / "PG_VERSION").write_text("18")
    server = start_postgres(place, durable=False)
    server.stop()
    assert not (place / "postgres.new").exists()


@pytest.mark.parametrize("version", ["17", "99"])
def test_cluster_of_another_version_is_refused(place: Path, version: str) -> None:
    (place / "postgres").mkdir()
    (place / "postgres" / "PG_VERSION").write_text(f"{version}\n")
    with pytest.raises(Refusal, match=f"PostgreSQL {version}"):
        start_postgres(place, durable=False)
    assert (place / "postgres" / "PG_VERSION").read_text() == f"{version}\n"


def test_directory_with_other_files_is_refused_and_left_alone(place: Path) -> None:
    (place / "postgres").mkdir()
    (place / "postgres" / "letter.txt").write_text("mine")
    with pytest.raises(Refusal, match="PostgreSQL"):
        start_postgres(place, durable=False)
    assert (place / "postgres" / "letter.txt").read_text() == "mine"


def test_foreign_socket_directory_is_refused(place: Path) -> None:
    server = start_postgres(place, durable=False)
    server.stop()
    server.socket.parent.mkdir(mode=0o777)
    server.socket.parent.chmod(0o777)
    with pytest.raises(Refusal, match=str(server.socket.parent)):
        start_postgres(place, durable=False)
    server.socket.parent.rmdir()
    server.socket.parent.symlink_to(place)
    with pytest.raises(Refusal, match=str(server.socket.parent)):
        start_postgres(place, durable=False)
    server.socket.parent.unlink()


@pytest.mark.usefixtures("normal_user_reaches_wheel")
def test_normal_user_starts_and_restarts(place: Path) -> None:
    place.chmod(0o777)

    def work() -> tuple[bool, int]:
        data = place / "mine"
        server = start_postgres(data, durable=False)
        os.kill(server.pid, signal.SIGKILL)
        again = start_postgres(data, durable=False)
        rows = query(again.url, "SELECT 1")
        again.stop()
        return rows == [(1,)], (data / "postgres").stat().st_uid

    expected = unprivileged_identity().uid if os.geteuid() == 0 else os.geteuid()
    assert as_normal_user(work) == (True, expected)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes its identity")
def test_root_without_namespaces_runs_as_another_account(place: Path) -> None:
    who = unprivileged_identity()
    server = start_postgres(place, durable=False, identity=who)
    try:
        assert query(server.url, "SELECT 1") == [(1,)]
        assert (place / "postgres").stat().st_uid == who.uid
        assert Path(f"/proc/{server.pid}").stat().st_uid == who.uid
    finally:
        server.stop()
    again = start_postgres(place, durable=False)  # without being told: the cluster's owner decides
    assert Path(f"/proc/{again.pid}").stat().st_uid == who.uid
    again.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes its identity")
def test_root_in_a_closed_home_puts_the_cluster_where_the_account_reaches(place: Path) -> None:
    place.chmod(0o700)
    server = start_postgres(place / "data", durable=False, identity=unprivileged_identity())
    cluster = Path(os.readlink(f"/proc/{server.pid}/cwd"))
    try:
        assert query(server.url, "SELECT 1") == [(1,)]
        assert cluster.parent == Path("/var/lib/presteza")
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
    finally:
        server.stop()
        shutil.rmtree(cluster)


def test_server_ends_with_its_parent(place: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from helpdesk.embedded.postgres import start_postgres;"
        "print(start_postgres(Path(sys.argv[1]), durable=False).pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(place)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until(lambda: not is_running(pid))
    until(lambda: not (place / "postgres" / "postmaster.pid").exists())
