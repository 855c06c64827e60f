"""Decides whether two arrivals are the same mail: a hash of what its carriers do not change."""

import hashlib
import re

from channels_inbox.mail import limits

_TRACE = re.compile(
    rb"^(?:Received|Return-Path|Delivered-To|X-Original-To|Authentication-Results|ARC-[!-9;-~]*)[ \t]*:"
    rb"[^\n]*(?:\n[ \t][^\n]*)*(?:\n|\Z)",
    re.IGNORECASE | re.MULTILINE,
)


def fingerprint(raw: bytes) -> bytes:
    """SHA-256 (32 bytes) of the mail without its trace fields; one pass over the header, no parsing."""
    end = _header_end(raw)
    digest = hashlib.sha256(_TRACE.sub(b"", raw[:end]))
    digest.update(memoryview(raw)[end:])
    return digest.digest()


def _header_end(raw: bytes) -> int:
    most = limits.HEADER_BYTES
    if raw.startswith((b"\n", b"\r\n")):
        return 0
    ends = [at for at in (raw.find(b"\n\r\n", 0, most), raw.find(b"\n\n", 0, most)) if at >= 0]
    return min(ends) + 1 if ends else min(len(raw), most)
