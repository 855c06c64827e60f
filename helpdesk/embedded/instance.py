"""Decides what an installation remembers of itself outside the database: its secrets and its addresses.

`instance.json` (0600) in the data directory. The encryption keys lie here and never in a backup (R-429).
"""

import base64
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from helpdesk.embedded.language import Refusal
from helpdesk.embedded.language import gettext as _
from helpdesk.embedded.locations import ROOT, is_given, start_lock
from helpdesk.lib.disk import sync_folder

LAYOUT = 1
DEFAULT_ADDRESSES = {"base_url": "http://127.0.0.1:8000", "smtp_port": 2525}


def instance_file(data: Path) -> Path:
    """Where the secrets of this data directory lie."""
    return data / "instance.json"


def read_instance(data: Path) -> dict[str, Any]:
    """The installation's secrets and addresses, made on the first call. Refuses unreadable or newer ones."""
    path = instance_file(data)
    with start_lock(data):
        if not path.exists():
            _write(path, _new_instance())
        try:
            instance = json.loads(path.read_text())
            layout = int(instance["layout"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Refusal(_("%(path)s cannot be read; put back a copy of it.") % {"path": path}) from error
    if layout > LAYOUT:
        raise Refusal(
            _("The data in %(path)s were written by a newer version of Presteza; use that version.")
            % {"path": data}
        )
    return instance


def remember(data: Path, instance: dict[str, Any], **addresses: Any) -> dict[str, Any]:
    """Store the addresses of this start, so that commands run beside it write the same links."""
    changed = instance | addresses
    if changed != instance:
        with start_lock(data):
            _write(instance_file(data), changed)
    return changed


def process_environment(data: Path, instance: Mapping[str, Any]) -> dict[str, str]:
    """The environment of our processes: what the caller set wins, our own fills the rest."""
    defaults = {
        "DJANGO_SETTINGS_MODULE": "helpdesk.settings",
        "SECRET_KEY": instance["secret_key"],
        "ENCRYPTION_KEYS": ",".join(instance["encryption_keys"]),
        "BASE_URL": instance["base_url"],
        "LOCAL_SMTP_PORT": str(instance["smtp_port"]),
    }
    if not is_given("DATABASE_URL"):
        defaults["PRESTEZA_EMBEDDED"] = "1"
    missing = {name: value for name, value in defaults.items() if not is_given(name)}
    return (
        dict(os.environ) | missing | {"DATA_DIR": str(data), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    )


def _new_instance() -> dict[str, Any]:
    return {
        "layout": LAYOUT,
        "secret_key": secrets.token_urlsafe(48),
        "encryption_keys": [base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()],
        **DEFAULT_ADDRESSES,
    }


def _write(path: Path, instance: Mapping[str, Any]) -> None:
    """All or nothing, even when the power fails: a lost key makes every stored credential unreadable."""
    partial = path.with_suffix(".new")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        json.dump(instance, handle, indent=1)
        handle.flush()
        os.fsync(handle.fileno())
    partial.replace(path)
    sync_folder(path.parent)
