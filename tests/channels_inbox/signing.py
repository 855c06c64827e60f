"""Signs a webhook body as a program of the company does."""

import hashlib
import hmac


def signed(body: bytes, secret: str) -> str:
    """The value of X-Signature-256."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
