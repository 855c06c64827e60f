"""Decides which mail providers may call us and how they are answered: proved, stored, committed, then 200 (R-147).

anymail reads the providers' formats. Only the providers listed here are routed: those whose payloads the tests know.
The shared secret (`name:password` in the address) is asked of every one, besides any signature of the provider's own;
while none is set, nobody is let in. Which secrets hold is decided by `provider_secrets.py`.
"""

import logging
from collections.abc import Callable
from typing import Any

from anymail.exceptions import AnymailConfigurationError, AnymailWebhookValidationFailure
from anymail.utils import get_request_basic_auth
from anymail.webhooks.mailgun import MailgunInboundWebhookView, MailgunTrackingWebhookView
from anymail.webhooks.postmark import PostmarkInboundWebhookView, PostmarkTrackingWebhookView
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from channels_inbox.provider_secrets import ADDRESS, MAILGUN, valid_secrets
from channels_inbox.receivers import store_unreadable

logger = logging.getLogger(__name__)
BODY_BYTES = settings.MAX_MAIL_BYTES * 3 // 2  # base64 and JSON make a mail larger


def read_body(request: HttpRequest, limit: int = BODY_BYTES) -> None:
    """Read the body of a mail webhook beyond what forms may have. Raises `RequestDataTooBig` above `limit` bytes."""
    if request.content_type == "multipart/form-data":
        return  # Django streams files to disk and bounds the fields itself
    if int(request.headers.get("Content-Length") or 0) > limit:
        raise RequestDataTooBig("mail webhook")
    body = request.read(limit + 1)
    if len(body) > limit:
        raise RequestDataTooBig("mail webhook")
    request._body = body  # type: ignore[attr-defined]  # what request.body returns once read


def provider_view(
    view_class: type[Any], *, key_argument: str = "", keep_unreadable: bool = False
) -> Callable:
    """Wrap one of anymail's views. `key_argument`: it checks a signature of its own, under each of our signing keys."""
    # We ask for the shared secret ourselves, under all that hold; anymail knows only those of the environment.
    quiet: Any = type(view_class.__name__, (view_class,), {"warn_if_no_basic_auth": False})

    @csrf_exempt
    @require_POST
    def answer(request: HttpRequest) -> HttpResponse:
        try:
            if not _knows_secret(request):
                return HttpResponse(status=401)
            read_body(request)
            keys = [{key_argument: key} for key in valid_secrets(MAILGUN)] if key_argument else [{}]
            return _first_that_proves(request, [quiet.as_view(basic_auth=[], **key) for key in keys])
        except AnymailWebhookValidationFailure:
            return HttpResponse(status=401)
        except RequestDataTooBig:
            return HttpResponse(status=413)
        except (DatabaseError, OSError):
            logger.exception("mail webhook: the database or the disk is away")
            return HttpResponse(status=503)
        except (AnymailConfigurationError, ValueError, LookupError, TypeError, AttributeError) as error:
            logger.warning("mail webhook of %s not understood: %s", view_class.esp_name, type(error).__name__)
            if not keep_unreadable:
                return HttpResponse(status=400)
            store_unreadable(request, provider=view_class.esp_name)
            return HttpResponse("stored")

    return answer


def _first_that_proves(request: HttpRequest, views: list[Callable]) -> HttpResponse:
    """Ask under each key; the signature is checked before anything else happens. Raises when none proves it."""
    for view in views:
        try:
            return view(request)
        except AnymailWebhookValidationFailure:
            continue
    raise AnymailWebhookValidationFailure("no key proves the call")


def _knows_secret(request: HttpRequest) -> bool:
    given = get_request_basic_auth(request) or ""
    return any(constant_time_compare(given, each) for each in valid_secrets(ADDRESS))


postmark_inbound = provider_view(PostmarkInboundWebhookView, keep_unreadable=True)
postmark_tracking = provider_view(PostmarkTrackingWebhookView)
mailgun_inbound = provider_view(
    MailgunInboundWebhookView, key_argument="webhook_signing_key", keep_unreadable=True
)
mailgun_tracking = provider_view(MailgunTrackingWebhookView, key_argument="webhook_signing_key")
