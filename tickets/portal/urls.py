"""Addresses of the pages customers see. The cookie of a ticket is bound to its path, so all it opens lies below."""

from django.urls import path

from tickets.portal import doors, views

app_name = "portal"
urlpatterns = [
    path("t/<str:token>", views.enter, name="enter"),
    path("ajuda/", doors.submit, name="submit"),
    path("ajuda/recebido/", doors.received, name="received"),
    path("acompanhar/", doors.renew, name="renew"),
    path("acompanhar/<str:protocol>/", views.ticket, name="ticket"),
    path("acompanhar/<str:protocol>/novidades/", views.updates, name="updates"),
    path("acompanhar/<str:protocol>/links/", views.revoke, name="revoke"),
    path("acompanhar/<str:protocol>/arquivos/<int:pk>/", views.attachment, name="attachment"),
]
