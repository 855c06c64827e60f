"""`./hd` as a stranger meets it: other directories, bare environments, machines without the needed parts."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import django
import pytest
import yaml
from django.conf import settings

ROOT = Path(__file__).resolve().parents[2]
BASICS = ("sh", "dirname", "id", "cat", "rm", "sed", "grep", "tail", "mkdir", "head")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose path has a space, with this session's packages installed in it and stamped."""
    place = tmp_path / "a place"
    place.mkdir()
    for name in (
        "helpdesk",
        "channels_inbox",
        "tickets",
        "manage.py",
        "requirements.txt",
        "requirements-test.txt",
    ):
        (place / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "hd", place / "hd")
    venv = place / ".venv"
    venv.mkdir()
    shutil.copy(Path(sys.prefix) / "pyvenv.cfg", venv / "pyvenv.cfg")
    for name in ("bin", "lib"):
        (venv / name).symlink_to(Path(sys.prefix) / name)
    stamp(place, "requirements-test.txt")
    return place


def stamp(place: Path, name: str) -> None:
    digest = hashlib.sha256((ROOT / name).read_bytes()).hexdigest()
    (place / ".venv" / ".requirements-installed").write_text(f"{digest}\n")


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A PATH with the basic programs and nothing else."""
    place = tmp_path / "programs"
    place.mkdir()
    for name in BASICS:
        (place / name).symlink_to(shutil.which(name) or f"/bin/{name}")
    (place / "python3").symlink_to(getattr(sys, "_base_executable", sys.executable))
    return place


def run(hd: Path, *words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(hd), *words],
        cwd=cwd,
        env={"HOME": "", **environment},
        capture_output=True,
        text=True,
        timeout=100,
    )


def write_program(path: Path, body: str) -> None:
    path.unlink(missing_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def test_script_is_short_and_plain_posix_shell() -> None:
    assert len((ROOT / "hd").read_text().splitlines()) <= 120
    assert subprocess.run(["sh", "-n", str(ROOT / "hd")]).returncode == 0
    assert (ROOT / ".ci" / "run").read_text().strip().endswith("exec ./hd test")


@pytest.mark.parametrize("installed", ["requirements.txt", "requirements-test.txt"])
def test_installed_checkout_runs_from_anywhere_without_home(
    checkout: Path, programs: Path, tmp_path: Path, installed: str
) -> None:
    stamp(checkout, installed)  # the second is a superset of the first
    done = run(checkout / "hd", "manage", "version", cwd=tmp_path, PATH=str(programs))
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, django.get_version(), "")
    relative = subprocess.run(
        ["sh", "./hd", "manage", "version"],
        cwd=checkout,
        env={"PATH": str(programs)},
        capture_output=True,
        text=True,
    )
    assert (relative.returncode, relative.stdout.strip()) == (0, django.get_version())


@pytest.mark.parametrize(
    ("language", "sentence"), [("pt_BR.UTF-8", "é preciso"), ("en_GB.UTF-8", "is needed")]
)
def test_missing_python_is_one_sentence(checkout: Path, programs: Path, language: str, sentence: str) -> None:
    (programs / "python3").unlink()
    done = run(checkout / "hd", "up", cwd=checkout, PATH=str(programs), LANG=language)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_old_python_is_passed_over_for_a_newer_one(checkout: Path, programs: Path) -> None:
    (programs / "python3").rename(programs / "python3.12")
    write_program(programs / "python3", "exit 1")
    assert run(checkout / "hd", "manage", "version", cwd=checkout, PATH=str(programs)).returncode == 0


@pytest.mark.parametrize("machine", ["Darwin-arm64", "Linux-armv7l", "Linux-x86_64"])
def test_machine_without_embedded_servers_is_one_sentence(
    checkout: Path, programs: Path, machine: str
) -> None:
    shutil.rmtree(checkout / ".venv")
    system, _, processor = machine.partition("-")
    write_program(programs / "uname", f'[ "$1" = -s ] && echo {system} || echo {processor}')
    if machine == "Linux-x86_64":  # musl: Python finds no glibc
        python = os.readlink(programs / "python3")
        write_program(programs / "python3", f'case $2 in *libc_ver*) exit 1 ;; esac; exec "{python}" "$@"')
    done = run(checkout / "hd", "up", cwd=checkout, PATH=str(programs), LANG="en_US.UTF-8")
    assert done.returncode == 1
    assert "set DATABASE_URL and REDIS_URL" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_failed_installation_is_told_and_not_stamped(checkout: Path, programs: Path) -> None:
    (checkout / ".venv" / ".requirements-installed").write_text("other\n")
    (checkout / "requirements.txt").unlink()
    (checkout / "requirements.txt").write_text("no-such-package==1.0 --hash=sha256:" + "0" * 64 + "\n")
    (programs / "uname").symlink_to(shutil.which("uname") or "/bin/uname")
    done = run(checkout / "hd", "up", cwd=checkout, PATH=str(programs), LANG="en_US.UTF-8", PIP_NO_INDEX="1")
    assert done.returncode == 1
    assert "installing the dependencies failed" in done.stderr
    assert (checkout / ".venv" / ".requirements-installed").read_text() == "other\n"


@pytest.mark.parametrize(("words", "code"), [((), 2), (("fly",), 2), (("--help",), 0)])
def test_usage_is_told(checkout: Path, programs: Path, words: tuple[str, ...], code: int) -> None:
    done = run(checkout / "hd", *words, cwd=checkout, PATH=str(programs))
    assert done.returncode == code
    assert "backup" in done.stderr


def test_compose_file_has_the_five_parts_and_no_secret() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    services = compose["services"]
    assert {"web", "worker", "beat", "db", "broker"} <= set(services)
    for name in ("web", "worker", "beat"):
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    for name in ("BASE_URL", "SECRET_KEY", "ENCRYPTION_KEYS"):
        assert services["web"]["environment"][name].startswith(f"${{{name}:?")
    queues = services["worker"]["command"].split("-Q ")[1].split()[0].split(",")
    assert queues == settings.CELERY_QUEUES_ALL


def test_image_runs_as_a_normal_user_with_a_health_check() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert "USER presteza" in lines
    assert any(line.startswith("HEALTHCHECK") for line in lines)
