"""Decides how often a stranger may knock: guessed links, forms, requests for a link (A13, A23).

The counters lie in the cache. When the cache is away nobody is refused: a customer's message weighs more (R-001),
and a link cannot be guessed anyway.
"""

import logging

from django.http import HttpRequest
from redis.exceptions import RedisError

from helpdesk.accounts import limits
from helpdesk.accounts.limits import Limit, Pause

logger = logging.getLogger(__name__)
GUESSES = Limit("link-guess", 20, 600, 600)
FORMS_BY_PEER = Limit("help-form", 30, 3600, 3600)
FORMS_BY_MAIL = Limit("help-form-mail", 5, 3600, 3600)
LINKS_BY_PEER = Limit("link-request", 20, 3600, 3600)
LINKS_BY_MAIL = Limit("link-request-mail", 3, 3600, 3600)


def take(limit: Limit, key: str) -> Pause | None:
    """Count one try; a `Pause` in return means that it must not be made."""
    try:
        return limits.take(limit, key)
    except RedisError:
        logger.warning("the cache is away; %s is not counted", limit.name)
        return None


def give_back(limit: Limit, key: str) -> None:
    """Take back a counted try that was rightful."""
    try:
        limits.give_back(limit, key)
    except RedisError:
        logger.warning("the cache is away; %s is not counted", limit.name)


def peer(request: HttpRequest) -> str:
    """Return what counts as one far end."""
    return limits.address_of(request)
