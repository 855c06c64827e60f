"""Decides what `./hd test` runs: the checks that need no database, then pytest, then one verdict.

    ./hd test [--full] [pytest arguments]

A path among the arguments narrows the run to pytest on that path. `--full` adds the long vectors.
"""

import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHON = sys.executable
MANAGE = (PYTHON, "manage.py")
# Debian's packages for the two peers that do not come from wheels, and the program that shows they are there.
PEERS = {"dovecot": "dovecot-imapd", "chromium": "chromium"}
SEARCH_PATH = os.environ.get("PATH", os.defpath) + os.pathsep + "/usr/sbin"
PRODUCTION = {
    "BASE_URL": "https://desk.presteza.example",
    "SECRET_KEY": secrets.token_urlsafe(64),
    "DATABASE_URL": "postgres://desk:secret@db.presteza.example:5432/desk",
    "REDIS_URL": "redis://broker.presteza.example:6379/0",
    "DEBUG": "0",
}


@dataclass(frozen=True)
class Step:
    """One check: a command that says yes by exit code 0, with additions to the environment."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self) -> tuple[str, int, float, str]:
        """Name, exit code, seconds and output."""
        began = time.monotonic()
        done = subprocess.run(
            self.command, cwd=ROOT, env=environment() | dict(self.environment), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        )  # fmt: skip
        return self.name, done.returncode, time.monotonic() - began, done.stdout


CHECKS = (
    Step("types", (PYTHON, "-m", "mypy", "helpdesk", "channels_inbox", "tickets")),
    Step("lint", (PYTHON, "-m", "ruff", "check", "--quiet")),
    Step("imports", (PYTHON, "-c", "from importlinter.cli import lint_imports_command as run; run()")),
    Step("migrations", (*MANAGE, "makemigrations", "--check", "--dry-run")),
    Step("translations", (*MANAGE, "messages", "--check")),
    Step("deployment", (*MANAGE, "check", "--deploy", "--fail-level", "WARNING"), PRODUCTION),
)


def environment() -> dict[str, str]:
    """Ours, with the checkout importable, and the servers of Debian found by a normal user as well."""
    return dict(os.environ) | {"PYTHONPATH": str(ROOT), "PATH": SEARCH_PATH}


def find_program(name: str) -> str | None:
    """The program's path; Debian keeps servers where the path of a normal user does not look."""
    return shutil.which(name, path=SEARCH_PATH)


def install_peers() -> None:
    """Install what is missing where we may; elsewhere the tests that need it say so themselves, by name."""
    missing = [package for program, package in PEERS.items() if find_program(program) is None]
    if not missing or os.geteuid() != 0 or find_program("apt-get") is None:
        return
    print(f"installing {' '.join(missing)}", flush=True)
    quiet = {"RUNLEVEL": "1", "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "-y", "--no-install-recommends", *missing]):
        command = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=600", *words]
        subprocess.run(
            command, env=environment() | quiet, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )


def run_checks(checks: Sequence[Step]) -> dict[str, int]:
    """Run the checks two at a time; the output of a failed one is shown whole. Exit codes by name."""
    codes = {}
    with ThreadPoolExecutor(max_workers=2) as pool:
        for name, code, seconds, output in pool.map(Step.run, checks):
            print(f"{'ok    ' if code == 0 else 'FAILED'} {name} ({seconds:.1f} s)", flush=True)
            if code != 0:
                print(output.rstrip(), flush=True)
            codes[name] = code
    return codes


def run_pytest(words: Sequence[str], *, full: bool) -> int:
    """Run pytest in the checkout, its output straight through; its exit code."""
    return subprocess.run(pytest_command(words, full=full), cwd=ROOT, env=environment()).returncode


def run_both_parts(words: Sequence[str], *, full: bool) -> dict[str, int]:
    """Run the tests in two parts side by side, each on servers of its own; exit codes by name.

    The second part holds the tests with a browser; its output is shown when the first one is through.
    """
    command = pytest_command(["--part=second", *words], full=full)
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace",
    ) as second, ThreadPoolExecutor(max_workers=1) as reader:  # fmt: skip
        output = reader.submit(lambda: second.communicate()[0])
        first = run_pytest(["--part=first", *words], full=full)
        print(output.result(), flush=True)
    return {"first part": first, "second part": second.returncode}


def pytest_command(words: Sequence[str], *, full: bool) -> list[str]:
    return [PYTHON, "-m", "pytest", *(["--full"] if full else []), *words]


def main() -> int:
    """0 when everything passed, 1 otherwise; the last line says which part failed."""
    words = sys.argv[1:]
    full = "--full" in words
    words = [word for word in words if word != "--full"]
    began = time.monotonic()
    install_peers()
    narrowed = any((ROOT / word.partition("::")[0]).exists() for word in words if not word.startswith("-"))
    if narrowed:
        codes = {"tests": run_pytest(words, full=full)}
    else:
        codes = run_checks(CHECKS) | run_both_parts(words, full=full)
    failed = [name for name, code in codes.items() if code != 0]
    verdict = f"FAILED: {', '.join(failed)}" if failed else f"passed: {', '.join(codes)}"
    print(f"hd test {verdict} ({time.monotonic() - began:.0f} s)", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
