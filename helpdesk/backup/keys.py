"""Decides how an archive tells which encryption keys belong to it without holding them."""

import hashlib

from django.conf import settings


def key_fingerprints() -> list[str]:
    """A short fingerprint of each key in use; the keys are random, so it gives nothing away."""
    return [
        hashlib.sha256(b"presteza encryption key:" + key.encode()).hexdigest()[:16]
        for key in settings.ENCRYPTION_KEYS
    ]
