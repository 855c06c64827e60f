"""Decides what every page of the desk has in common: who may ask, in which zone hours are said, how it answers.

One url gives one kind of answer. An expired session answers htmx with `HX-Redirect`, so that no login form is
swapped into a pane and nothing typed is lost.
"""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django import forms
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render, resolve_url
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from helpdesk.lib import sse
from helpdesk.people.models import SiteSettings
from helpdesk.people.signed_in import TeamRequest
from helpdesk.people.site import site_settings
from tickets.live import TOPIC
from tickets.models import Participant, Ticket

View = Callable[..., HttpResponse]


class DeskRequest(TeamRequest):
    """What a page of the desk gets: a signed-in person, and the company's row."""

    company: SiteSettings
    live_at: int | None


F = TypeVar("F", bound=forms.BaseForm)
NOT_FIELDS = {"csrfmiddlewaretoken"}


def desk_view(*methods: str) -> Callable[[View], View]:
    """Mark a page of the desk: signed-in people only, these methods (default GET), hours in the company's zone."""

    def decorate(view: View) -> View:
        @wraps(view)
        def run(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                return ask_to_sign_in(request)
            request.live_at = _live_position(request)  # type: ignore[attr-defined]  # DeskRequest; before any row is read
            request.company = site_settings()  # type: ignore[attr-defined]  # DeskRequest, from here on
            with timezone.override(ZoneInfo(request.company.timezone)):  # type: ignore[attr-defined]  # DeskRequest, from here on
                return view(request, *args, **kwargs)

        return never_cache(require_http_methods(list(methods) or ["GET", "HEAD"])(run))

    return decorate


def _live_position(request: HttpRequest) -> int | None:
    """Return where the stream of changes stands, for a whole page; a fragment belongs to a page that knows it."""
    return None if request.headers.get("HX-Request") else sse.position(TOPIC)


def ask_to_sign_in(request: HttpRequest) -> HttpResponse:
    """Send a browser to the login page; it comes back to the page it stood on."""
    if not request.headers.get("HX-Request"):
        return redirect_to_login(request.get_full_path() if request.method in ("GET", "HEAD") else "/")
    page = urlsplit(request.headers.get("HX-Current-URL", ""))
    back = f"{page.path or '/'}{'?' if page.query else ''}{page.query}"
    asked = QueryDict(mutable=True)
    asked["next"] = back if back.startswith("/") and not back.startswith("//") else "/"
    where = f"{resolve_url('account_login')}?{asked.urlencode(safe='/')}"
    return HttpResponse(status=401, headers={"HX-Redirect": where})


def show(request: HttpRequest, template: str, values: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """Render a page or a fragment with the company's row that the request already holds."""
    common = {"site": request.company, "live_at": request.live_at}  # type: ignore[attr-defined]  # DeskRequest, from here on
    return render(request, template, {**common, **values}, status=status)


def find_ticket(request: DeskRequest, pk: int, *, whole: bool = False) -> Ticket:
    """Return a ticket the user may read, `whole` with all its page shows. A foreign one is as absent as none (A07)."""
    tickets = Ticket.objects.visible_to(request.user)
    ticket = (for_page(tickets) if whole else tickets).filter(pk=pk).first()
    if ticket is None:
        raise Http404
    return ticket


def for_page(tickets: QuerySet[Ticket]) -> QuerySet[Ticket]:
    """Fetch with each ticket what its page says of it, in the same statement."""
    copied = Participant.objects.filter(ticket=OuterRef("pk"), kind=Participant.Kind.COPIED, removed=False)
    related = tickets.select_related("department", "assignee", "contact__organization", "channel")
    return related.annotate(has_copies=Exists(copied))


def read_form(request: DeskRequest, form: type[F], **kwargs: Any) -> F:
    """Bind a form to the posted values. Raises `BadRequest` when a field is posted that it does not have (A09)."""
    bound = form(request.POST, request.FILES, **kwargs)
    unknown = set(request.POST) - set(bound.fields) - NOT_FIELDS
    if unknown:
        raise BadRequest(f"unknown fields: {sorted(unknown)[:5]}")
    return bound


def say(response: HttpResponse, text: str, *, tone: str = "ok", **more: Any) -> HttpResponse:
    """Let the page show a toast when the answer arrives. `more`: `undo`, the address that takes it back."""
    response["HX-Trigger"] = json.dumps({"toast": {"text": text, "tone": tone, **more}})
    return response


def refuse(text: str, *, status: int = 409) -> HttpResponse:
    """Answer that nothing was changed, and say why in a toast."""
    return say(HttpResponse(status=status), text, tone="danger")


def forbid() -> HttpResponse:
    """Answer somebody who may read the ticket but not do this."""
    return refuse(_("You have not the right to do this here."), status=403)
