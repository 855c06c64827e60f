"""Decides what a new installation starts with: the departments, channels, policies and texts of a preset (D.1, D.6).

Loading twice changes nothing that exists: what was loaded belongs to the company (R-427).
"""

from typing import Any

import yaml
from django.conf import settings
from django.db import transaction

from channels_inbox.models import Channel
from helpdesk.people.site import site_settings
from tickets.models import ChannelPolicy, Department, SystemText
from tickets.permissions import DATA

TEXTS_IN_USE = (
    "auto_padrao",
    "auto_fora_horario",
    "auto_parada",
    "rodape_email",
    "emails_pararam",
    "cabecalho_email",
    "outro_link",
)


def english_names(name: str) -> dict[str, str]:
    """Return department key → English name of a preset (R-413)."""
    texts = yaml.safe_load((DATA / "presets.en.yaml").read_text(encoding="utf-8"))[name]
    return {key: row["name"] for key, row in texts["departments"].items()}


def preset(name: str) -> dict[str, Any]:
    """Return the blocks of a preset. Raises `KeyError` for an unknown name."""
    head = yaml.safe_load((DATA / "presets.yaml").read_text(encoding="utf-8"))["presets"][name]
    if "blocks" in head:
        body = yaml.safe_load((DATA / f"{name}.yaml").read_text(encoding="utf-8"))
        head = {**head, **{key: body[key] for key in head["blocks"] if key in body}}
    return head


@transaction.atomic
def load_preset(name: str = "essencial") -> None:
    """Load what is missing of a preset; rows that exist stay as the company left them."""
    data = preset(name)
    site = site_settings()
    site.preset = name
    site.save(update_fields=["preset"])
    english = english_names(name)
    for row in data["departments"]:
        name_en = english.get(row["key"], "")
        _load_department(row, name_en=name_en, default=row["key"] == data["default_department"])
    mail = next(policy for policy in data["channel_policies"] if policy["kind"] == "email")
    for department in Department.objects.filter(key__in=[row["key"] for row in data["departments"]]):
        _load_mailbox(department, mail)
    Channel.objects.get_or_create(key="portal", defaults={"kind": "portal", "name": "Página do chamado"})
    load_texts()


def _load_department(row: dict[str, Any], *, name_en: str, default: bool) -> None:
    facts = {
        "name": row["name"],
        "name_en": name_en,
        "hours": row["hours"],
        "handles": row["handles"],
        "is_default": default and not Department.objects.filter(is_default=True).exists(),
    }
    Department.objects.get_or_create(key=row["key"], defaults=facts)


def _load_mailbox(department: Department, policy: dict[str, Any]) -> None:
    """One address a department (R-127)."""
    channel, _created = Channel.objects.get_or_create(
        key=f"email-{department.key}",
        defaults={
            "kind": "email",
            "name": f"{department.name} · e-mail",
            "address": f"{department.key}@{settings.MAIL_DOMAIN}",
        },
    )
    facts = {
        "department": department,
        "hours": policy["hours"],
        "first_reply": policy["first_reply"],
        "purpose": policy["purpose"],
    }
    ChannelPolicy.objects.get_or_create(channel=channel, defaults=facts)


def load_texts() -> None:
    """Load the system texts in use, in both languages."""
    for language in ("pt-br", "en"):
        path = DATA / f"system_texts.{language}.yaml"
        texts = yaml.safe_load(path.read_text(encoding="utf-8"))["system_texts"]
        for key in TEXTS_IN_USE:
            SystemText.objects.get_or_create(
                key=key, language=language, department=None, defaults={"text": texts.get(key, "")}
            )
