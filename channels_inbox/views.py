"""Decides how a provider's request is answered: one view for all channels; stored and committed, then 200."""

import logging

from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from channels_inbox.adapters import adapter_for
from channels_inbox.adapters.base import InvalidSignature
from channels_inbox.esp_views import read_body
from channels_inbox.inbox import store
from channels_inbox.models import Channel

logger = logging.getLogger(__name__)


@csrf_exempt
@require_http_methods(["GET", "POST"])
def webhook(request: HttpRequest, key: str) -> HttpResponse:
    """Verify, store, commit, answer. 401: not from whom it says. 503: try again, nothing was stored (R-147)."""
    try:
        channel = get_object_or_404(Channel, key=key, enabled=True)
        adapter = adapter_for(channel)
        if request.method == "GET":
            return adapter.handshake(request) or HttpResponse(status=404)
        read_body(request)
        store(channel, adapter.receive(request))
    except RequestDataTooBig:
        return HttpResponse(status=413)
    except InvalidSignature as error:
        logger.warning("webhook of %s refused: %s", key, error)
        return HttpResponse(status=401)
    except (DatabaseError, OSError):
        logger.exception("webhook of %s: database or disk away", key)
        return HttpResponse(status=503)
    return HttpResponse("ok")
