"""Addresses that providers call."""

from anymail.urls import urlpatterns as anymail_urls
from django.urls import include, path

from channels_inbox import views

app_name = "channels_inbox"
urlpatterns = [
    path("webhook/<slug:key>", views.webhook, name="webhook"),
    path("anymail/", include((anymail_urls, "anymail"))),
]
