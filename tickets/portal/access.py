"""Decides who sees a ticket's page: whoever holds the path-bound cookie that a live link gave (R-130, A13).

The cookie names a token row and nothing else; the row decides at every request, so that revoking a link ends the
cookies it gave.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone, translation
from django.views.decorators.http import require_http_methods

from helpdesk.people.models import Contact, SiteSettings
from helpdesk.people.site import site_settings
from tickets.models import Participant, Ticket, TrackingToken
from tickets.tracking import find_token, still_live

View = Callable[..., HttpResponse]


class CustomerRequest(HttpRequest):
    """What a page customers see gets: the company's row."""

    company: SiteSettings


COOKIE = "presteza-chamado" if settings.ON_LOOPBACK else "__Secure-chamado"
COOKIE_SECONDS = 30 * 24 * 3600
SALT = "tickets.portal.cookie"
MOST_MERGES = 5


@dataclass(frozen=True)
class Access:
    """What one link opens: the ticket as it stands now (after merges), seen by one contact."""

    token: TrackingToken
    ticket: Ticket
    contact: Contact

    @property
    def path(self) -> str:
        return reverse("portal:ticket", args=[self.ticket.protocol])


def access_by_token(token: str) -> Access | None:
    """Return what a link opens; None for an unknown, revoked or outlived one."""
    return _access(find_token(token))


def access_by_cookie(request: HttpRequest, protocol: str) -> Access | None:
    """Return what the request's cookie opens, when that is the ticket of this address."""
    try:
        token_id = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=COOKIE_SECONDS)
    except signing.BadSignature:
        return None
    access = _access(still_live(int(token_id)))
    if access is None or protocol not in (access.ticket.protocol, access.token.ticket.protocol):
        return None
    return access


def _access(token: TrackingToken | None) -> Access | None:
    """Follow merges to the ticket that goes on; its page opens only to its customer: whoever was
    added by a merge is in copy there, and gets what is written from then on, never what was before (A11)."""
    if token is None:
        return None
    ticket = token.ticket
    for _hop in range(MOST_MERGES):
        if ticket.merged_into_id is None:
            break
        ticket = Ticket.objects.select_related("department", "assignee").get(pk=ticket.merged_into_id)
    customers = Participant.objects.filter(ticket=ticket, kind=Participant.Kind.REQUESTER, removed=False)
    its_own = customers.filter(contact=token.contact).exists()
    return Access(token, ticket, token.contact) if its_own else None


def give_cookie(response: HttpResponse, access: Access) -> HttpResponse:
    """Let this browser open this ticket's page, and no other address, for 30 days."""
    response.set_cookie(
        COOKIE,
        signing.dumps(access.token.pk, salt=SALT),
        max_age=COOKIE_SECONDS,
        path=access.path,
        secure=not settings.ON_LOOPBACK,
        httponly=True,
        samesite="Lax",
    )
    return response


def customer_page(*methods: str) -> Callable[[View], View]:
    """Mark a page customers see: these methods (default GET), hours in the company's zone, kept by nobody."""

    def decorate(view: View) -> View:
        @wraps(view)
        def run(request: CustomerRequest, *args: object, **kwargs: object) -> HttpResponse:
            request.company = site_settings()
            with timezone.override(ZoneInfo(request.company.timezone)):
                return keep_private(view(request, *args, **kwargs))

        return require_http_methods(list(methods) or ["GET", "HEAD"])(run)

    return decorate


def keep_private(response: HttpResponse) -> HttpResponse:
    """Set the headers of every page that belongs to one person."""
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Cache-Control"] = "no-store, private"
    return response


def in_language_of(access: Access) -> translation.override:
    """Return the context in which a page speaks the customer's language (R-413)."""
    return translation.override(access.contact.language)
