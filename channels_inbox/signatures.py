"""Decides whether a webhook is genuine: HMAC-SHA256 over the raw bytes, two valid secrets during a rotation (R-147)."""

import hashlib
import hmac

from django.http import HttpRequest

from channels_inbox.adapters.base import InvalidSignature


def check_webhook(request: HttpRequest, *, secrets: list[str], header: str = "X-Signature-256") -> None:
    """Pass when `sha256=<hex>` in the header matches the body under one of the secrets.

    Raises `InvalidSignature` otherwise, also when no secret is set. Constant-time compare on bytes.
    """
    given = request.headers.get(header, "")
    good = False
    for secret in secrets:
        expected = "sha256=" + hmac.new(secret.encode(), request.body, hashlib.sha256).hexdigest()
        good |= hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))
    if not good:
        raise InvalidSignature("signature does not match")
