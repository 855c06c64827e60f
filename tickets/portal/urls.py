"""Addresses of the pages customers see."""

from django.urls import path

from tickets.portal import views

app_name = "portal"
urlpatterns = [
    path("t/<str:token>", views.enter, name="enter"),
]
