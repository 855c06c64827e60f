"""Decides what every request passes: an id for the logs, and the staff session's idle limit and stamp (A16)."""

import secrets
import time
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse

from helpdesk.logs import request_id

Handler = Callable[[HttpRequest], HttpResponse]
TOUCH_SECONDS = 300


class RequestIdMiddleware:
    """Names each request; the name stands in the logs and on the error page."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        name = secrets.token_hex(3).upper()
        request.error_code = f"{name[:4]}-{name[4:]}"  # type: ignore[attr-defined]
        mark = request_id.set(request.error_code)  # type: ignore[attr-defined]
        try:
            return self.get_response(request)
        finally:
            request_id.reset(mark)


class StaffSessionMiddleware:
    """Ends sessions that were idle for 12 hours or whose person's password, role or state changed since."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            self._check(request)
        return self.get_response(request)

    def _check(self, request: HttpRequest) -> None:
        now = int(time.time())
        stamp = request.session.get("stamp")
        if stamp is None:
            request.session["stamp"] = request.user.security_stamp
        seen = request.session.get("seen", now)
        if (stamp is not None and stamp != request.user.security_stamp) or now - seen > settings.STAFF_IDLE_SECONDS:
            logout(request)
            return
        if "seen" not in request.session or now - seen > TOUCH_SECONDS:
            request.session["seen"] = now
