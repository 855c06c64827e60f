"""Decides how the bell is wired: one Celery app, JSON only, and the beat table."""

import os

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "helpdesk.settings")

app = Celery("presteza")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["channels_inbox", "tickets", "helpdesk.backup"])


@setup_logging.connect
def keep_our_logging(**_kwargs: object) -> None:
    """Celery must not replace Django's logging: the scrubbed JSON lines stay."""


@app.on_after_configure.connect
def beat_table(sender: Celery, **_kwargs: object) -> None:
    """Every periodic task of the product."""
    from django.conf import settings

    sweep = float(settings.SWEEP_SECONDS)
    sender.conf.beat_schedule = {
        "sweep": {"task": "channels_inbox.tasks.sweep", "schedule": sweep, "options": {"expires": 60}},
        "sweep-desk": {"task": "tickets.tasks.sweep_desk", "schedule": sweep, "options": {"expires": 60}},
        "watch": {"task": "channels_inbox.tasks.watch_flow", "schedule": 120.0, "options": {"expires": 120}},
        "tidy": {"task": "tickets.tasks.tidy", "schedule": 3600.0, "options": {"expires": 600}},
        "backups": {"task": "helpdesk.backup.tasks.keep_backups", "schedule": 300.0, "options": {"expires": 300}},
        "poll": {"task": "channels_inbox.tasks.poll_channels", "schedule": 20.0, "options": {"expires": 20}},
    }
