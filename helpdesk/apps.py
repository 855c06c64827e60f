from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.utils.translation import gettext_lazy as _


class HelpdeskConfig(AppConfig):
    name = "helpdesk"
    verbose_name = _("Help desk")

    def ready(self) -> None:
        from helpdesk import celery  # noqa: F401  (tasks queued by pages and commands need the configured app)


class DeskAdminConfig(AdminConfig):
    """Django's own admin under our stylesheet and our question of who may enter."""

    default_site = "helpdesk.admin_site.DeskAdminSite"
