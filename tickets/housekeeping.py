"""Decides what the clock does to tickets by itself: resolved long enough is closed (D.8 auto)."""

from datetime import timedelta

from django.db import transaction

from helpdesk.lib.clock import AppNow, app_now
from helpdesk.people.site import site_settings
from tickets.calendars import calendar_of
from tickets.lifecycle import close_resolved
from tickets.models import Ticket
from tickets.models.ticket import Status

RESOLVED_TO_CLOSED_BUSINESS_DAYS = 3
BATCH = 50


def sweep_tickets() -> int:
    """Close tickets resolved three business days ago; return how many. Safe to run twice and by two workers."""
    site, now, closed = site_settings(), app_now(), 0
    with transaction.atomic():
        # Three business days are never less than three days: the index narrows, the calendar decides.
        old = Ticket.objects.filter(
            status=Status.RESOLVED, merged_into=None, resolved_at__lt=AppNow() - timedelta(days=3)
        )
        for ticket in old.select_related("department").select_for_update(
            no_key=True, of=("self",), skip_locked=True
        )[:BATCH]:
            calendar = calendar_of(ticket.department, site=site, near=now)
            if ticket.resolved_at and now >= calendar.add_business_days(
                ticket.resolved_at, RESOLVED_TO_CLOSED_BUSINESS_DAYS
            ):
                close_resolved(ticket, now=now)
                closed += 1
    return closed
