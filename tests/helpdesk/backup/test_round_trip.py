"""R-429: an installation moves from the embedded mode to a server and back, whole, and writes to nobody meanwhile."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from django.db import connection

from helpdesk.backup.archive import Archive, ArchiveWriter, written_whole

ROOT = Path(__file__).resolve().parents[3]
KEYS = {
    "here": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    "there": "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU=",
}
# What a restore changes on purpose: the pause, the schedule of backups, and what Django keeps of newer code.
CHANGED = {"people_sitesettings", "people_backup"}


@dataclass
class Installation:
    """A database of its own with its data directory; `owner` is a role without any special right, or None."""

    name: str
    place: Path
    owner: str | None

    @property
    def database(self) -> dict[str, Any]:
        return (
            connection.get_connection_params()
            | {"dbname": self.name}
            | ({"user": self.owner} if self.owner else {})
        )

    def manage(self, *words: str, code: int = 0) -> str:
        """Run a command; its output, both streams."""
        host, user = self.database["host"], self.database["user"]
        environment = os.environ | {
            "DATABASE_URL": f"postgres://{user}@/{self.name}?host={host}",
            "DATA_DIR": str(self.place),
            "ENCRYPTION_KEYS": KEYS[self.name],
            "DJANGO_SETTINGS_MODULE": "helpdesk.settings",
            "LC_ALL": "en_US.UTF-8",
        }
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *words], env=environment, capture_output=True, text=True
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def rows(self, statement: str) -> list[tuple]:
        opened = psycopg2.connect(**self.database)
        try:
            with opened, opened.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            opened.close()

    def backup(self, name: str) -> Path:
        path = self.place / name
        self.manage("backup", str(path))
        return path


@pytest.fixture
def installations(tmp_path: Path) -> Iterator[tuple[Installation, Installation]]:
    """One owned by the superuser of the embedded mode, one by a plain role of a server; both still empty."""
    base = connection.get_connection_params()
    admin = psycopg2.connect(**{**base, "dbname": "postgres"})
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute("CREATE ROLE office LOGIN NOSUPERUSER NOCREATEDB")
        cursor.execute("CREATE DATABASE here")
        cursor.execute("CREATE DATABASE there OWNER office")
        made = [
            Installation("here", tmp_path / "here", None),
            Installation("there", tmp_path / "there", "office"),
        ]
        for one in made:
            one.place.mkdir()
        yield made[0], made[1]
        for one in made:
            cursor.execute(f"DROP DATABASE {one.name} WITH (FORCE)")
        cursor.execute("DROP ROLE office")
    admin.close()


def sums(path: Path) -> dict[str, tuple[int, str]]:
    tables = Archive(path).manifest["tables"]
    return {name: (facts["rows"], facts["sha256"]) for name, facts in tables.items() if name not in CHANGED}


def fill(installation: Installation) -> None:
    installation.manage("migrate", "--verbosity", "0")
    installation.manage("migrate", "tickets", "0001", "--verbosity", "0")  # as an older version leaves it
    installation.manage("setup_installation")
    installation.manage("new_password")
    installation.rows(
        "INSERT INTO people_auditentry (kind, subject, after) "
        "SELECT 'login', E'tab\\t' || n, '{}' FROM generate_series(1, 3000) n"
    )
    installation.rows(
        "INSERT INTO people_backup (state, attempts, next_at, asked_at, day, last_error, file, size, rows) "
        "VALUES ('new', 0, now(), now(), current_date, '', '', 0, 0)"  # the one this archive is of
    )
    stored = installation.place / "attachments" / "ab" / "cd"
    stored.mkdir(parents=True)
    (stored / "proposta").write_bytes(os.urandom(300_000))


@pytest.mark.django_db
@pytest.mark.timeout(240)
def test_backup_moves_everything_and_comes_back(
    installations: tuple[Installation, Installation], tmp_path: Path
) -> None:
    here, there = installations
    fill(here)
    first = here.backup("first.tar")
    assert b"MDEyMzQ1Njc4OTAx" not in first.read_bytes()  # no key travels with it

    damaged = bytearray(first.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "damaged.tar").write_bytes(damaged)
    assert "damaged" in there.manage("restore", str(tmp_path / "damaged.tar"), code=1)
    assert "newer version" in there.manage("restore", str(make_newer(first, tmp_path / "newer.tar")), code=1)
    assert there.rows("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == [(0,)]

    told = there.manage("restore", str(first))
    assert "other encryption keys" in told
    assert there.rows("SELECT outgoing_paused FROM people_sitesettings") == [(True,)]
    assert here.rows("SELECT outgoing_paused FROM people_sitesettings WHERE outgoing_paused") == []
    assert there.rows("SELECT state, day FROM people_backup") == [("dead", None)]
    second = there.backup("second.tar")
    assert sums(second) == sums(first)
    assert sums(first)["people_auditentry"][0] == 3000 + 1  # ours, and the new password
    name = "attachments/ab/cd/proposta"
    assert (there.place / name).read_bytes() == (here.place / name).read_bytes()
    assert (there.place / name).stat().st_mode & 0o777 == 0o600
    with pytest.raises(psycopg2.errors.RestrictViolation):  # the append-only trigger is back
        there.rows("DELETE FROM people_auditentry")
    triggers = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1"
    here.manage("migrate", "--verbosity", "0")
    assert there.rows(triggers) == here.rows(triggers)  # brought up to what is newer than the archive
    constraints = "SELECT conname, pg_get_constraintdef(oid), condeferrable FROM pg_constraint ORDER BY 1, 2"
    assert there.rows(constraints) == here.rows(constraints)

    here.rows("INSERT INTO people_auditentry (kind, subject) VALUES ('x', 'only here')")
    (here.place / "attachments" / "later").write_bytes(b"x")
    assert "not empty" in here.manage("restore", str(second), code=1)
    assert here.rows("SELECT count(*) FROM people_auditentry") == [(3000 + 2,)]
    assert "other encryption keys" in here.manage("restore", str(second), "--replace")
    assert sums(here.backup("third.tar")) == sums(first)
    assert not (here.place / "attachments" / "later").exists()


def make_newer(source: Path, target: Path) -> Path:
    """The same archive, as a later version with one more migration would write it."""
    archive = Archive(source)
    manifest = json.loads(json.dumps(archive.manifest))
    manifest["migrations"]["people"] = ["9999_from_the_future"]
    with written_whole(target) as handle:
        writer = ArchiveWriter(handle)
        for name, facts in archive.manifest["members"].items():
            writer.add(name, archive.open(name), facts["size"])
            assert (
                writer.members[name]["sha256"]
                == facts["sha256"]
                == hashlib.sha256(archive.open(name).read()).hexdigest()
            )
        writer.finish(manifest)
    return target
