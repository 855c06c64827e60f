"""Decides who enters the set-up room: people whose role may write settings or accounts, with a second factor."""

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _


class DeskAdminSite(AdminSite):
    """The set-up room and the supervisors' desk; never the analyst's desk."""

    site_header = site_title = _("Set-up")
    index_title = _("Set-up")
    site_url = "/"
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        from tickets.permissions import may

        return may(request.user, "settings_write") or may(request.user, "audit_read")
