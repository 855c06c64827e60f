"""Decides when administrators must know that there is no good backup, and when that is over (R-429).

One alarm at a time, told once; it stands as a banner in the set-up room until a backup succeeds.
"""

from datetime import timedelta

from django.db import transaction

from helpdesk.backup.scheduled import last_good
from helpdesk.lib.clock import app_now
from helpdesk.people.models import Backup, BackupAlarm, SiteSettings
from helpdesk.people.site import site_settings
from tickets import alarms

TOO_OLD = timedelta(days=2)


def check_age() -> None:
    """Raise the alarm when the last good backup is older than two days; a desk that writes none has no alarm."""
    if not site_settings().backup_daily:
        SiteSettings.objects.exclude(backup_alarm="").update(backup_alarm="")
        return
    good = last_good()
    first = Backup.objects.order_by("id").first()
    since = good.finished_at if good else first.asked_at if first else None
    if since and app_now() - since > TOO_OLD:
        raise_alarm(BackupAlarm.OLD)


def raise_alarm(reason: str) -> bool:
    """Tell people once; True when it was news."""
    with transaction.atomic():
        if not SiteSettings.objects.filter(backup_alarm="").update(backup_alarm=reason):
            return False
        alarms.backups_stopped(reason, over=False)
    return True


def end_alarm() -> bool:
    """A backup succeeded: tell people that it is over; True when an alarm stood."""
    with transaction.atomic():
        standing = SiteSettings.objects.exclude(backup_alarm="")
        reason = standing.values_list("backup_alarm", flat=True).first()
        if not reason or not standing.update(backup_alarm=""):
            return False
        alarms.backups_stopped(reason, over=True)
    return True
