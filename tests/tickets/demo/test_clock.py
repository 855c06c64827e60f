"""The clock of the stories exists inside one transaction and nowhere else."""

import io
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.db import connection

from helpdesk.lib.clock import app_now
from helpdesk.people.models import User
from tickets.demo import stage
from tickets.demo.clock import story_time
from tickets.models import Ticket

pytestmark = pytest.mark.django_db(transaction=True)
ZONE = ZoneInfo("America/Sao_Paulo")


def test_the_story_clock_needs_a_transaction():
    with pytest.raises(RuntimeError), story_time(datetime.now(ZONE)):
        pass
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosrc FROM pg_proc WHERE proname = 'app_now'")
        assert "story_time" not in cursor.fetchone()[0]


def test_a_failure_leaves_nothing_behind_not_even_the_clock(settings, tmp_path, monkeypatch):
    def stumble(_stage, _step):
        raise RuntimeError("stumbled")

    settings.ATTACHMENTS_DIR = tmp_path / "attachments"
    monkeypatch.setitem(stage.PLAYS, "trio", stumble)  # type: ignore[arg-type]  # stands in for a play
    with pytest.raises(RuntimeError, match="stumbled"):
        call_command("demo", stdout=io.StringIO())
    assert not Ticket.objects.exists()
    assert not User.objects.exists()
    assert abs(app_now() - datetime.now(ZONE)) < timedelta(minutes=1)
