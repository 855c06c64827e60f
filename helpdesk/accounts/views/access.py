"""Decides what a person does with the own access: new password, list of sessions (name and language: `tickets`)."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from helpdesk.accounts import second_factor, sessions
from helpdesk.accounts.forms import ChangePasswordForm
from helpdesk.accounts.limits import Pause
from helpdesk.accounts.password import knows_password
from helpdesk.accounts.team import team_page
from helpdesk.accounts.views.entrance import show_pause
from helpdesk.people.access import end_access, end_session
from helpdesk.people.audit import record
from helpdesk.people.models import User
from helpdesk.people.signed_in import TeamRequest
from tickets.views.queue import frame


@team_page()
def show_access(request: TeamRequest) -> HttpResponse:
    """Password, second factor and where the person is signed in."""
    sessions.remember(request, request.user)
    page = {
        **frame(request),
        "has_second_factor": second_factor.has_second_factor(request.user),
        "enforced": second_factor.is_enforced(request.user),
        "codes_left": len(second_factor.recovery_codes(request.user)),
        "sessions": sessions.own_sessions(request),
        "current": request.session.session_key,
    }
    return render(request, "accounts/access.html", page)


@team_page("GET", "POST", secrets=("current", "password"))
def change_password(request: TeamRequest) -> HttpResponse:
    """A new password for who knows the old one; every other session ends, this one goes on with a new id."""
    form = ChangePasswordForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        known = knows_password(request, form.cleaned_data["current"])
        if isinstance(known, Pause):
            return show_pause(request, known)
        if known:
            _set_password(request, form.cleaned_data["password"])
            messages.success(request, _("Password saved. Your other sessions have ended."))
            return redirect("mfa_index")
        form.add_error("current", _("This is not your current password."))
    return render(request, "account/password_change.html", {"form": form})


@transaction.atomic
def _set_password(request: TeamRequest, password: str) -> None:
    user = User.objects.get(pk=request.user.pk)
    user.set_password(password)
    user.save(update_fields=["password"])
    end_access(user, keep=request.session.session_key or "")
    sessions.carry_on(request, user)
    record("password_changed", actor=user, subject=user.email, request=request)


@team_page("POST")
def end_own_session(request: TeamRequest, pk: int) -> HttpResponse:
    """End one of the own sessions, this one too; anybody else's is not found."""
    session = get_object_or_404(sessions.own_sessions(request), pk=pk)
    record("session_ended", subject=request.user.email, before={"device": session.device}, request=request)
    ends_itself = session.session_key == request.session.session_key
    end_session(session)
    if ends_itself:
        request.session.flush()
        return redirect("account_login")
    messages.success(request, _("Session ended."))
    return redirect("mfa_index")
