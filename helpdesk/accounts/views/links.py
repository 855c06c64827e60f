"""Decides what the links in account mails do: a forgotten password, and an invitation. Looking uses nothing up."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from helpdesk.accounts import invitations, limits, reset
from helpdesk.accounts.forms import EmailForm, InvitationForm, NewPasswordForm
from helpdesk.accounts.limits import LINK_ADDRESS, RESET, RESET_ADDRESS
from helpdesk.accounts.views.entrance import show_pause, start_login
from helpdesk.people.models import User


@never_cache
@require_http_methods(["GET", "POST"])
def ask_reset(request: HttpRequest) -> HttpResponse:
    """Ask for a link: the same answer whether the address is known, unknown or asked too often."""
    form = EmailForm(request.POST or None)
    asked = request.method == "POST" and form.is_valid()
    if asked:
        pause = limits.take(RESET_ADDRESS, limits.address_of(request))
        if pause is not None:
            return show_pause(request, pause)
        email = form.cleaned_data["email"]
        if limits.take(RESET, email) is None:
            reset.request_reset(email, request=request)
    return render(request, "account/password_reset.html", {"form": form, "asked": asked})


@never_cache
@sensitive_post_parameters("password")
@sensitive_variables("token")
@require_http_methods(["GET", "POST"])
def reset_from_link(request: HttpRequest, token: str) -> HttpResponse:
    """Set a new password by a link; the login page follows, and asks for the code as always."""
    found = reset.find_reset(token)
    if found is None or found.user is None:
        return _dead_link(request, again="account_reset_password")
    form = NewPasswordForm(request.POST or None, user=found.user)
    if request.method == "POST" and form.is_valid():
        if not reset.use_reset(found, form.cleaned_data["password"], request=request):
            return _dead_link(request, again="account_reset_password")
        messages.success(request, _("Password saved. Sign in with it."))
        return redirect("account_login")
    return _link_page(request, "account/password_reset_from_key.html", {"form": form})


@never_cache
@sensitive_post_parameters("password")
@sensitive_variables("token")
@require_http_methods(["GET", "POST"])
def accept_invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Join the team by a link: name and password, then straight in."""
    invitation = invitations.find_invitation(token)
    if invitation is None:
        return _dead_link(request)
    candidate = User(email=invitation.email, name=invitation.name)
    form = InvitationForm(request.POST or None, user=candidate, initial={"name": invitation.name})
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        user = invitations.accept(invitation, name=data["name"], password=data["password"], request=request)
        return _dead_link(request) if user is None else start_login(request, user, stay=False)
    return _link_page(request, "accounts/invitation.html", {"form": form, "invitation": invitation})


def _link_page(request: HttpRequest, template: str, values: dict[str, object]) -> HttpResponse:
    """A page whose address is a secret never tells it to the next page (A13).

    `strict-origin`, not `no-referrer`: with the latter browsers post the form with `Origin: null`, which the CSRF
    check refuses.
    """
    response = render(request, template, values)
    response["Referrer-Policy"] = "strict-origin"
    return response


def _dead_link(request: HttpRequest, *, again: str = "") -> HttpResponse:
    """Unknown, used and late links read alike; who tries many of them has to wait."""
    pause = limits.take(LINK_ADDRESS, limits.address_of(request))
    if pause is not None:
        return show_pause(request, pause)
    response = _link_page(request, "accounts/dead_link.html", {"again": again})
    response.status_code = 404
    return response
