"""Decides nothing: the bell of the backups. What is asked for stands in rows."""

from celery import shared_task

from channels_inbox.tasks import ring_quietly


@shared_task
def keep_backups() -> None:
    """Every five minutes: is a backup due, is the last good one too old (R-429)?"""
    from helpdesk.backup.alarm import check_age
    from helpdesk.backup.scheduled import plan_backup
    from helpdesk.people.models import Backup

    Backup.release_expired()
    plan_backup()
    check_age()
    if Backup.objects.all().due().exists():
        ring_quietly(write_backup)


@shared_task
def write_backup() -> None:
    """Start the program that writes what is asked for: a large backup takes longer than any task may."""
    from helpdesk.backup.scheduled import start_writing

    start_writing()
