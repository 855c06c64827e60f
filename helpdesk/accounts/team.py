"""Decides what a page of the own account is: for signed-in people, never kept by a cache."""

from collections.abc import Callable

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

View = Callable[..., HttpResponse]


def team_page(*methods: str, secrets: tuple[str, ...] = ()) -> Callable[[View], View]:
    """Mark a view: these methods (default GET), and the posted fields that no error report may show."""

    def decorate(view: View) -> View:
        inner = require_http_methods(list(methods) or ["GET", "HEAD"])(view)
        if secrets:
            inner = sensitive_post_parameters(*secrets)(inner)
        return never_cache(login_required(inner))

    return decorate
