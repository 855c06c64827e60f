"""Decides how somebody enters and leaves: mail and password, then the code, one id for the session each time."""

from allauth.account.internal.decorators import login_stage_required
from allauth.account.internal.flows.login import perform_password_login
from allauth.account.internal.stagekit import clear_login
from allauth.account.models import Login
from allauth.mfa.stages import AuthenticateStage
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from helpdesk.accounts import limits, second_factor, sessions
from helpdesk.accounts.adapter import StaffAccountAdapter, own_path
from helpdesk.accounts.forms import CodeForm, LoginForm
from helpdesk.accounts.limits import CODE, Pause
from helpdesk.accounts.password import check_password
from helpdesk.people.audit import record
from helpdesk.people.models import User


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """The login page: one answer for every wrong pair, and never how many tries are left."""
    target = own_path(request.POST.get("next") or request.GET.get("next"))
    if request.user.is_authenticated:
        return redirect(target or settings.LOGIN_REDIRECT_URL)
    form = LoginForm(request.POST or None)
    failed = False
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        outcome = check_password(request, email=data["email"], password=data["password"])
        if isinstance(outcome, Pause):
            return show_pause(request, outcome)
        if outcome is not None:
            return start_login(request, outcome, stay=data["stay"], target=target)
        failed = True
    return render(request, "account/login.html", {"form": form, "failed": failed, "next": target})


def start_login(request: HttpRequest, user: User, *, stay: bool, target: str = "") -> HttpResponse:
    """Begin the stages after the password: the code when there is a second factor, else straight in."""
    request.session.set_expiry(sessions.lifetime(stay=stay))
    login = Login(user=user, email=user.email, redirect_url=target or None)
    login.state["stamp"] = user.security_stamp
    return perform_password_login(request, {"email": user.email}, login)


@login_stage_required(stage=AuthenticateStage.key, redirect_urlname="account_login")
@require_http_methods(["GET", "POST"])
def enter_code(request: HttpRequest) -> HttpResponse:
    """The code page: five tries, then a pause; a password or state changed meanwhile sends back to the start."""
    stage = request._login_stage  # type: ignore[attr-defined]  # set by the decorator
    user, stamp = stage.login.user, stage.login.state.get("stamp")
    if user is None or not user.is_active or stamp != user.security_stamp:
        clear_login(request)
        return redirect("account_login")
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        outcome = _try_code(request, user, form.cleaned_data["code"])
        if isinstance(outcome, Pause):
            clear_login(request)
            return show_pause(request, outcome)
        if outcome:
            request.session[second_factor.PASSED_KEY] = user.pk
            return stage.exit()
        form.add_error(
            "code", _("This code does not fit, or was already used. Type the one the app shows now.")
        )
    return render(request, "mfa/authenticate.html", {"form": form, "recovery": "reserva" in request.GET})


def _try_code(request: HttpRequest, user: User, code: str) -> bool | Pause:
    pause = limits.take(CODE, str(user.pk))
    if pause is not None:
        return pause
    kind = second_factor.check_code(user, code)
    if kind:
        limits.clear(CODE, str(user.pk))
        if kind == "recovery_codes":
            record("recovery_code_used", actor=user, subject=user.email, request=request)
        return True
    record("second_factor_failed", actor=user, subject=user.email, request=request)
    pause = limits.spent(CODE, str(user.pk))
    if pause is not None:
        until = {"until": pause.until.isoformat()}
        record("second_factor_paused", actor=user, subject=user.email, after=until, request=request)
        return pause
    return False


def show_pause(request: HttpRequest, pause: Pause) -> HttpResponse:
    """Say when the pause ends, never how many tries there were."""
    return render(request, "account/pause.html", {"pause": pause}, status=429)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Leave: the session is gone on the server too."""
    if not request.user.is_authenticated:
        return redirect(settings.LOGIN_URL)
    record("logout", subject=request.user.email, request=request)
    StaffAccountAdapter(request).logout(request)
    return redirect(settings.LOGOUT_REDIRECT_URL)
