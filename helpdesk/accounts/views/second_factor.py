"""Decides how a second factor is turned on, renewed and off: always with the password asked again (ASVS 7.5.1)."""

import time

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from helpdesk.accounts import limits, second_factor
from helpdesk.accounts.forms import ActivateForm, CurrentPasswordForm
from helpdesk.accounts.limits import CODE, Pause
from helpdesk.accounts.password import knows_password
from helpdesk.accounts.team import team_page
from helpdesk.accounts.views.entrance import show_pause
from helpdesk.people.audit import record
from helpdesk.people.signed_in import TeamRequest

SHOWN_KEY, SHOWN_SECONDS = "recovery_codes_until", 600


@team_page("GET", "POST", secrets=("current", "code"))
def activate(request: TeamRequest) -> HttpResponse:
    """Set the second factor up: scan, type password and code, then see the recovery codes."""
    if second_factor.has_second_factor(request.user):
        return redirect("mfa_index")
    secret = second_factor.setup_secret(request.session)
    form = ActivateForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        pause = _activate(request, form, secret)
        if pause is not None:
            return show_pause(request, pause)
        if not form.errors:
            return redirect("mfa_view_recovery_codes")
    page = {
        "form": form,
        "secret": " ".join(secret[n : n + 4] for n in range(0, len(secret), 4)),
        "qr": second_factor.qr_svg(request.user, secret, label=_("QR code for the authenticator app")),
        "enforced": second_factor.is_enforced(request.user),
    }
    return render(request, "mfa/activate.html", page)


def _activate(request: TeamRequest, form: ActivateForm, secret: str) -> Pause | None:
    known = knows_password(request, form.cleaned_data["current"])
    if isinstance(known, Pause):
        return known
    if not known:
        form.add_error("current", _("This is not your current password."))
        return None
    key = str(request.user.pk)
    pause = limits.take(CODE, key)
    if pause is not None:
        return pause
    if not second_factor.activate(request.user, secret, form.cleaned_data["code"]):
        form.add_error(
            "code", _("This code does not fit. Check the clock of the phone and type the code shown now.")
        )
    else:
        limits.clear(CODE, key)
        del request.session[second_factor.SETUP_KEY]
        _passed(request)
        record("second_factor_on", subject=request.user.email, request=request)
    return None


def _passed(request: TeamRequest) -> None:
    """This session has shown the second factor, and may show the new recovery codes for ten minutes."""
    request.session[second_factor.PASSED_KEY] = request.user.pk
    request.session[SHOWN_KEY] = int(time.time()) + SHOWN_SECONDS


@team_page("GET", "POST")
def show_codes(request: TeamRequest) -> HttpResponse:
    """The recovery codes, once: until the person says that they are kept, ten minutes at most."""
    if request.method == "POST":
        request.session.pop(SHOWN_KEY, None)
        return redirect("mfa_index")
    if request.session.get(SHOWN_KEY, 0) < time.time():
        return redirect("mfa_generate_recovery_codes")
    return render(request, "mfa/recovery_codes.html", {"codes": second_factor.recovery_codes(request.user)})


@team_page()
def download_codes(request: TeamRequest) -> HttpResponse:
    """The same codes as a text file, as long as the page may show them."""
    if request.session.get(SHOWN_KEY, 0) < time.time():
        raise Http404
    lines = "\n".join(second_factor.recovery_codes(request.user))
    response = HttpResponse(lines + "\n", content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="presteza-codigos.txt"'
    return response


@team_page("GET", "POST", secrets=("current",))
def renew_codes(request: TeamRequest) -> HttpResponse:
    """Make ten new recovery codes; the old ones end."""
    if not second_factor.has_second_factor(request.user):
        return redirect("mfa_index")
    form = CurrentPasswordForm(request.POST or None)
    refusal = _ask_password(request, form)
    if refusal is not None:
        return refusal
    if request.method == "POST" and form.is_valid():
        second_factor.renew_recovery_codes(request.user)
        _passed(request)
        record("recovery_codes_made", subject=request.user.email, request=request)
        return redirect("mfa_view_recovery_codes")
    left = len(second_factor.recovery_codes(request.user))
    return render(request, "mfa/renew_codes.html", {"form": form, "left": left})


@team_page("GET", "POST", secrets=("current",))
def deactivate(request: TeamRequest) -> HttpResponse:
    """Turn the second factor off, unless a role demands it."""
    if second_factor.is_enforced(request.user) or not second_factor.has_second_factor(request.user):
        return redirect("mfa_index")
    form = CurrentPasswordForm(request.POST or None)
    refusal = _ask_password(request, form)
    if refusal is not None:
        return refusal
    if request.method == "POST" and form.is_valid():
        second_factor.turn_off(request.user)
        request.session.pop(second_factor.PASSED_KEY, None)
        record("second_factor_off", subject=request.user.email, request=request)
        messages.success(request, _("Second factor turned off."))
        return redirect("mfa_index")
    return render(request, "mfa/deactivate.html", {"form": form})


def _ask_password(request: TeamRequest, form: CurrentPasswordForm) -> HttpResponse | None:
    """Check the password of a posted form; a wrong one becomes the form's error, too many a pause page."""
    if request.method == "POST" and form.is_valid():
        known = knows_password(request, form.cleaned_data["current"])
        if isinstance(known, Pause):
            return show_pause(request, known)
        if not known:
            form.add_error("current", _("This is not your current password."))
    return None
