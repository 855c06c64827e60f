"""Decides what every template knows: the product's and the company's name."""

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from helpdesk.people.site import site_settings


def installation(request: HttpRequest) -> dict[str, object]:
    """Return the values of every page; the company's row is read only by pages that show it."""
    return {"site": SimpleLazyObject(site_settings), "base_url": settings.BASE_URL}
