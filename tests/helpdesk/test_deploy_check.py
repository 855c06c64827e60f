"""`check --deploy` finds nothing to say about an installation on a real host (security 2)."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_deploy_check_is_clean_as_on_a_server(tmp_path):
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": os.environ["DATABASE_URL"],
        "REDIS_URL": os.environ["REDIS_URL"],
        "DATA_DIR": str(tmp_path),
        "BASE_URL": "https://ajuda.empresa.example",
        "SECRET_KEY": "k7-Zq4mW9s_TtXb2Lr8nVc3Hy6Jd0PfGaEuQoIxYwKvM5BzRlN1",
        "ENCRYPTION_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        "METRICS_TOKEN": "um-segredo-para-as-medidas-0123456789",
        "BEHIND_PROXY": "true",
    }
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 silenced" in done.stdout + done.stderr
