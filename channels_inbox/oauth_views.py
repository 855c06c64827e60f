"""Decides who may connect a mailbox by consent: people who may write settings (R-135)."""

import logging

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from channels_inbox import oauth
from channels_inbox.desk import get_desk
from channels_inbox.models import Channel

logger = logging.getLogger(__name__)


@login_required
@require_GET
@never_cache
def consent(request: HttpRequest, key: str) -> HttpResponse:
    """Send the browser to the provider's consent page. Nothing but the person's own session changes."""
    channel = _channel_for(request, key)
    try:
        return HttpResponseRedirect(oauth.start_consent(channel, request))
    except oauth.ConsentRefused as refused:
        messages.error(request, str(refused))
        return redirect(_settings_page(channel))


@login_required
@require_GET
@never_cache
def consent_return(request: HttpRequest, key: str) -> HttpResponse:
    """The provider sends the browser back here with a code; `state` proves that it was asked for in this session."""
    channel = _channel_for(request, key)
    try:
        oauth.finish_consent(channel, request)
    except oauth.ConsentRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, _("The mailbox is connected."))
    return redirect(_settings_page(channel))


def _channel_for(request: HttpRequest, key: str) -> Channel:
    if not get_desk().may_configure(request.user):
        raise PermissionDenied("settings_write")
    return get_object_or_404(Channel, key=key, kind="email")


def _settings_page(channel: Channel) -> str:
    try:
        return reverse("admin:channels_inbox_channel_change", args=[channel.pk])
    except NoReverseMatch:
        return "/"
