"""Decides what people set for themselves: name, language, undo window, keys."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from helpdesk.people.models import User
from tickets.forms import LanguageForm, ProfileForm
from tickets.views.access import DeskRequest, desk_view, read_form, show
from tickets.views.queue import shell

YEAR_SECONDS = 365 * 24 * 3600


@desk_view("GET", "HEAD", "POST")
def profile(request: DeskRequest) -> HttpResponse:
    """The own profile; another person's is nobody's to change here."""
    user: User = request.user
    if request.method != "POST":
        return show(request, "tickets/profile.html", {**shell(request), "form": ProfileForm(instance=user)})
    form = read_form(request, ProfileForm, instance=User.objects.get(pk=user.pk))
    if not form.is_valid():
        return show(request, "tickets/profile.html", {**shell(request), "form": form}, status=422)
    saved = form.save(commit=False)
    saved.save(update_fields=ProfileForm.Meta.fields)
    messages.success(request, _("Profile saved"))
    return _with_language(redirect("tickets:profile"), saved.language)


@desk_view("POST")
def language(request: DeskRequest) -> HttpResponse:
    """Change the own language and stay on the page."""
    form = read_form(request, LanguageForm)
    back = request.headers.get("Referer", "")
    safe = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
    response = redirect(back if safe else "tickets:queue")
    if not form.is_valid():
        return response
    User.objects.filter(pk=request.user.pk).update(language=form.cleaned_data["language"])
    return _with_language(response, form.cleaned_data["language"])


def _with_language(response: HttpResponse, code: str) -> HttpResponse:
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME, code, max_age=YEAR_SECONDS, httponly=True, samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )  # fmt: skip
    return response
