"""Addresses of the local mailbox."""

from django.urls import path

from tickets import mailbox_views

urlpatterns = [
    path("correio/", mailbox_views.mailbox, name="mailbox"),
    path("correio/escrever/", mailbox_views.mailbox_write, name="mailbox_write"),
    path("correio/<int:pk>/", mailbox_views.mailbox_message, name="mailbox_message"),
]
