"""Runs django-helpdesk from PyPI on the same PostgreSQL and the same corpus, so that anybody can repeat the ratio."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

VERSION = "2.6.1"
PACKAGES = (f"django-helpdesk=={VERSION}", "psycopg2-binary", "django-bootstrap4-form", "packaging")
HARNESS = Path(__file__).parent / "peer_harness.py"


def run_peer(folder: Path) -> dict[str, Any]:
    """Install the peer into a venv of its own, let it take the corpus, and return its figures."""
    return _run({"PEER_CORPUS": str(folder)})


def run_peer_pages(tickets: int) -> dict[str, Any]:
    """Fill the peer with `tickets` tickets and return the times of its list (page and rows)."""
    return _run({"PEER_TICKETS": str(tickets)})


def _run(task: dict[str, str]) -> dict[str, Any]:
    environment = {
        "PATH": os.environ["PATH"],
        "PEER_DATABASE_URL": os.environ["DATABASE_URL"],
        "PEER_MEDIA": tempfile.mkdtemp(prefix="hdpeer"),
        "LANG": "C.UTF-8",
        **task,
    }
    done = subprocess.run(
        [peer_python(), str(HARNESS)], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"the peer failed:\n{done.stderr[-4000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def peer_python() -> str:
    """Return the interpreter of the peer's venv, made when missing."""
    place = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "presteza-bench" / f"helpdesk-{VERSION}"
    python = place / "bin" / "python"
    if not (place / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        (place / "ready").touch()
    return str(python)
