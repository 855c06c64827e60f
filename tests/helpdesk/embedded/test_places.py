"""What prevents a start: each is one sentence in the language of the terminal."""

import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpdesk.embedded.instance import process_environment, read_instance, remember
from helpdesk.embedded.language import Refusal, speaks_english
from helpdesk.embedded.locations import ROOT, data_directory, try_lock
from helpdesk.embedded.postgres import start_postgres
from helpdesk.embedded.up import run_up
from tests.helpdesk.embedded.conftest import as_normal_user


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def test_language_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for variables in ({}, {"LANG": "C.UTF-8"}, {"LANG": "en_US.UTF-8"}, {"LANG": "en_US", "LC_ALL": "pt_BR"}):
        for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        found.append(speaks_english())
    assert found == [False, False, True, False]


@pytest.mark.parametrize("flag", ["--port", "--smtp-port"])
def test_busy_port_is_refused(place: Path, busy_port: int, flag: str) -> None:
    other = "--smtp-port" if flag == "--port" else "--port"
    with pytest.raises(Refusal, match=f"Port {busy_port} of 127.0.0.1 is already in use"):
        run_up(["--data", str(place), flag, str(busy_port), other, "0"])


def test_second_up_on_the_same_data_is_refused(place: Path) -> None:
    data = data_directory(str(place))
    held = try_lock(data / ".up.lock")
    with pytest.raises(Refusal, match="already runs"):
        run_up(["--data", str(place), "--port", "0"])
    assert held
    held.close()


def test_open_host_without_the_address_people_type_is_refused(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BASE_URL", raising=False)
    with pytest.raises(Refusal, match="--url"):
        run_up(["--data", str(place), "--host", "0.0.0.0", "--port", "0", "--smtp-port", "0"])


def test_data_of_a_newer_version_are_refused(place: Path) -> None:
    (place / "instance.json").write_text(json.dumps({"layout": 99}))
    with pytest.raises(Refusal, match="newer version"):
        run_up(["--data", str(place), "--port", "0", "--smtp-port", "0"])


def test_file_or_closed_directory_as_data_is_refused(place: Path) -> None:
    (place / "file").write_text("")
    with pytest.raises(Refusal, match="cannot be used"):
        data_directory(str(place / "file"))
    (place / "closed").mkdir(mode=0o700)

    def work() -> str:
        try:
            data_directory(str(place / "closed" / "data"))
            data_directory(str(place / "closed"))
        except Refusal as refusal:
            return str(refusal)
        return "accepted"

    if os.geteuid() == 0:
        assert "cannot be used" in as_normal_user(work)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_data_of_another_user_are_refused(place: Path) -> None:
    os.chown(place, 65534, 65534)
    with pytest.raises(Refusal, match="another user"):
        data_directory(str(place))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
def test_full_disk_is_refused(place: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=40m", "none", str(place)], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        with pytest.raises(Refusal, match="is full"):
            start_postgres(place)
        assert not (place / "postgres").exists()
        with pytest.raises(OSError), (place / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(b"x" * 65536)
        for words in (["up", "--port", "0", "--smtp-port", "0"], ["manage", "showmigrations"]):
            environment = os.environ | {"DATA_DIR": str(place), "DATABASE_URL": "", "PYTHONPATH": str(ROOT)}
            done = subprocess.run(
                [sys.executable, "-m", "helpdesk.embedded", *words],
                env=environment,
                capture_output=True,
                text=True,
            )
            assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
            assert "is full" in done.stderr
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_secrets_are_made_once_and_private(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SECRET_KEY", "ENCRYPTION_KEYS", "DATABASE_URL", "BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    instance = read_instance(place)
    assert instance == read_instance(place)
    assert stat.S_IMODE((place / "instance.json").stat().st_mode) == 0o600
    assert len(instance["secret_key"]) >= 50
    remember(place, instance, base_url="http://127.0.0.1:9000")
    environment = process_environment(place, read_instance(place))
    assert environment["BASE_URL"] == "http://127.0.0.1:9000"
    assert environment["SECRET_KEY"] == instance["secret_key"]
    assert environment["PRESTEZA_EMBEDDED"] == "1"
    monkeypatch.setenv("SECRET_KEY", "given")
    monkeypatch.setenv("ENCRYPTION_KEYS_FILE", "/run/secrets/keys")
    given = process_environment(place, instance)
    assert given["SECRET_KEY"] == "given"
    assert "ENCRYPTION_KEYS" not in given


def test_unreadable_secrets_are_never_replaced(place: Path) -> None:
    (place / "instance.json").write_text("{half")
    with pytest.raises(Refusal, match="cannot be read"):
        read_instance(place)
    assert (place / "instance.json").read_text() == "{half"
