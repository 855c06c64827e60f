"""Decides every address of the product; each is listed in the authorisation matrix."""

from django.contrib import admin
from django.urls import include, path

from helpdesk import health

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("conta/", include("helpdesk.accounts.urls")),
    path("admin/", admin.site.urls),
    path("canais/", include("channels_inbox.urls")),
    path("", include("tickets.portal.urls")),
    path("", include("tickets.urls")),
]
handler400 = "helpdesk.errors.bad_request"
handler403 = "helpdesk.errors.forbidden"
handler404 = "helpdesk.errors.not_found"
handler500 = "helpdesk.errors.server_error"
