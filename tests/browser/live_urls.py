"""The product's addresses, and two that fail on purpose: the pages a person sees then are pages too."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import path

from helpdesk import urls as product

handler400, handler403 = product.handler400, product.handler403
handler404, handler500 = product.handler404, product.handler500


def broken(_request: HttpRequest) -> HttpResponse:
    raise RuntimeError("broken on purpose")


def forbidden(_request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


urlpatterns = [path("quebra/", broken), path("proibido/", forbidden), *product.urlpatterns]
