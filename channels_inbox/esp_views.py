"""Decides which mail providers may call us and how they are answered: proved, stored, committed, then 200 (R-147).

anymail reads the providers' formats. Only the providers listed here are routed: those whose payloads the tests know.
The shared secret (`ANYMAIL_WEBHOOK_SECRET`, `name:password` in the address) is asked of every one, besides any
signature of the provider's own; while it is not set, nobody is let in.
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
    view_class: type[Any], *, needs: tuple[str, ...] = (), keep_unreadable: bool = False
) -> Callable:
    """Wrap one of anymail's views. `needs`: settings of the provider without which it stays shut."""
    view = view_class.as_view()

    @csrf_exempt
    @require_POST
    def answer(request: HttpRequest) -> HttpResponse:
        if not _knows_secret(request) or not all(settings.ANYMAIL.get(name) for name in needs):
            return HttpResponse(status=401)
        try:
            read_body(request)
            return view(request)
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


def _knows_secret(request: HttpRequest) -> bool:
    known = settings.ANYMAIL.get("WEBHOOK_SECRET") or ()
    given = get_request_basic_auth(request) or ""
    secrets = [known] if isinstance(known, str) else list(known)
    return any(bool(each) and constant_time_compare(given, each) for each in secrets)


postmark_inbound = provider_view(PostmarkInboundWebhookView, keep_unreadable=True)
postmark_tracking = provider_view(PostmarkTrackingWebhookView)
mailgun_inbound = provider_view(
    MailgunInboundWebhookView, needs=("MAILGUN_WEBHOOK_SIGNING_KEY",), keep_unreadable=True
)
mailgun_tracking = provider_view(MailgunTrackingWebhookView, needs=("MAILGUN_WEBHOOK_SIGNING_KEY",))
