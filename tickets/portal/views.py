"""Decides what a customer sees."""

from django.http import Http404, HttpRequest, HttpResponse


def enter(request: HttpRequest, token: str) -> HttpResponse:
    raise Http404
