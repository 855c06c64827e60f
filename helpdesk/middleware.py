"""Decides what every request passes: an id for the logs, the staff session's limits, the second factor (A16)."""

import secrets
import time
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import Resolver404, resolve, reverse
from django.utils import translation

from helpdesk.lib.clock import AppNow
from helpdesk.logs import request_id
from helpdesk.people.access import sign_out
from helpdesk.people.audit import address
from helpdesk.people.models import LoginSession

Handler = Callable[[HttpRequest], HttpResponse]
TOUCH_SECONDS = 300
WITHOUT_SECOND_FACTOR = {
    "mfa_activate_totp",
    "account_logout",
    "set_language",
    "healthz",
    "readyz",
    "metrics",
}


class RequestIdMiddleware:
    """Names each request, for the logs and the error page, and notes its address, for the audit trail."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        name = secrets.token_hex(3).upper()
        request.error_code = f"{name[:4]}-{name[4:]}"  # type: ignore[attr-defined]  # read by logs and the error page
        mark = request_id.set(request.error_code)  # type: ignore[attr-defined]  # read by logs and the error page
        came_from = address.set(request.META.get("REMOTE_ADDR") or "")
        try:
            return self.get_response(request)
        finally:
            request_id.reset(mark)
            address.reset(came_from)


class StaffSessionMiddleware:
    """Ends sessions idle for 12 hours or older than 7 days, and speaks the person's language.

    A changed password, role or state needs no look here: the stamp is part of Django's session hash
    (`User._get_session_auth_hash`). Ages are measured by the process clock, as Django's own session expiry is.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if (
            settings.SESSION_COOKIE_NAME in request.COOKIES
            and request.user.is_authenticated
            and not _too_old(request)
        ):
            translation.activate(request.user.language)
            request.LANGUAGE_CODE = translation.get_language()  # type: ignore[attr-defined]  # as LocaleMiddleware sets it
        return _for_htmx(request, self.get_response(request))


def _too_old(request: HttpRequest) -> bool:
    """Sign out a session past its limits; every few minutes note that it is in use."""
    now = int(time.time())
    since, seen = request.session.setdefault("since", now), request.session.setdefault("seen", now)
    if now - seen > settings.STAFF_IDLE_SECONDS or now - since > settings.SESSION_COOKIE_AGE:
        sign_out(request)
        return True
    if now - seen > TOUCH_SECONDS and not _asked_by_nobody(request):
        request.session["seen"] = now
        LoginSession.objects.filter(session_key=request.session.session_key).update(seen_at=AppNow())
    return False


def _asked_by_nobody(request: HttpRequest) -> bool:
    """Whether an open tab asked by itself (`X-Live: 1`, the event stream): that is no use of the session (R-426)."""
    return request.headers.get("X-Live") == "1" or request.headers.get("Accept") == "text/event-stream"


def _for_htmx(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Turn a redirect to the login page into one of the whole page, where a fragment was asked for."""
    target = response.get("Location", "")
    if "HX-Request" not in request.headers or not target.startswith(reverse(settings.LOGIN_URL)):
        return response
    return HttpResponse(status=204, headers={"HX-Redirect": reverse(settings.LOGIN_URL)})


class SecondFactorMiddleware:
    """Sends people whose role demands a second factor to its set-up before anything else (R-426)."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.REQUIRE_SECOND_FACTOR and settings.SESSION_COOKIE_NAME in request.COOKIES:
            answer = self._refuse(request)
            if answer is not None:
                return answer
        return self.get_response(request)

    def _refuse(self, request: HttpRequest) -> HttpResponse | None:
        from helpdesk.accounts import second_factor

        user = request.user
        if not user.is_authenticated or request.session.get(second_factor.PASSED_KEY) == user.pk:
            return None
        if not second_factor.is_enforced(user) or _goes_without(request):
            return None
        if second_factor.has_second_factor(user):  # signed in by a way that never asked for the code
            logout(request)
            return redirect_to_login(request.get_full_path())
        return redirect("mfa_activate_totp")


def _goes_without(request: HttpRequest) -> bool:
    try:
        return resolve(request.path_info).url_name in WITHOUT_SECOND_FACTOR
    except Resolver404:
        return False
