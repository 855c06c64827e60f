"""Addresses that providers call, and the consent for mailboxes."""

from django.urls import path

from channels_inbox import esp_views, oauth_views, views

app_name = "channels_inbox"
urlpatterns = [
    path("webhook/<slug:key>", views.webhook, name="webhook"),
    path("anymail/postmark/inbound/", esp_views.postmark_inbound, name="postmark_inbound"),
    path("anymail/postmark/tracking/", esp_views.postmark_tracking, name="postmark_tracking"),
    path("anymail/mailgun/inbound/", esp_views.mailgun_inbound, name="mailgun_inbound"),
    path("anymail/mailgun/tracking/", esp_views.mailgun_tracking, name="mailgun_tracking"),
    path("consentimento/<slug:key>/", oauth_views.consent, name="consent"),
    path("consentimento/<slug:key>/retorno", oauth_views.consent_return, name="consent_return"),
]
