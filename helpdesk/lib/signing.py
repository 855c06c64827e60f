"""Proofs that a message id, a reply address or a link is ours.

Signatures are HMAC-SHA256 cut to a few base32 letters: safe in a mail local part, where case may be lost on
the way. The purpose is part of what is signed, so a signature for one use proves nothing in another (A13).
Keys come from the setting `SIGNING_KEYS`: the first signs, all verify, so old mails stay valid while a key
is replaced. Tokens of links are random and only their hash is stored (R-130).
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence

Keys = Sequence[str]

DEFAULT_LENGTH = 16  # base32 letters: 80 bits
MIN_LENGTH, MAX_LENGTH = 12, 52
MAX_PART_LENGTH = 2_000
MIN_KEY_LENGTH = 24
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


class SigningKeyError(Exception):
    """No key, or a key shorter than 24 characters."""


class InvalidToken(ValueError):
    """Not the shape of a token of ours; nothing needs to be looked up."""


def sign(purpose: str, *parts: str, length: int = DEFAULT_LENGTH, keys: Keys | None = None) -> str:
    """Return `length` lower-case base32 letters proving `parts` for `purpose`.

    Raises TypeError for a part that is no text, ValueError for an oversized part or a length outside 12–52.
    """
    return _signature(_checked_keys(keys)[0], purpose, parts, length)


def verify(
    purpose: str, *parts: str, signature: str, length: int | None = None, keys: Keys | None = None
) -> bool:
    """Whether `signature` (any case) was made by `sign` with the same arguments and one of the keys.

    Without `length` any signature of at least the default length counts: one cut shorter is refused, because
    it would be easier to guess.
    """
    if not isinstance(signature, str) or not signature.isascii():
        return False
    if len(signature) != length and (length or not DEFAULT_LENGTH <= len(signature) <= MAX_LENGTH):
        return False
    if any(not isinstance(part, str) or len(part) > MAX_PART_LENGTH for part in parts):
        return False
    received = signature.lower()
    matches = [
        hmac.compare_digest(_signature(key, purpose, parts, len(received)), received)
        for key in _checked_keys(keys)
    ]
    return any(matches)


def new_token() -> tuple[str, bytes]:
    """Return (token for the link, hash to store): 32 bytes of the system's CSPRNG."""
    token = secrets.token_urlsafe(32)
    return token, hash_token(token)


def hash_token(token: str) -> bytes:
    """SHA-256 of a token received from outside. Raises InvalidToken unless it has a token's exact shape."""
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise InvalidToken("not a token")
    return hashlib.sha256(token.encode("ascii")).digest()


def _signature(key: str, purpose: str, parts: Sequence[str], length: int) -> str:
    if not MIN_LENGTH <= length <= MAX_LENGTH:
        raise ValueError(f"length must be {MIN_LENGTH}–{MAX_LENGTH} letters")
    digest = hmac.new(key.encode("utf-8"), _message(purpose, parts), hashlib.sha256).digest()
    return base64.b32encode(digest).decode("ascii").lower()[:length]


def _message(purpose: str, parts: Sequence[str]) -> bytes:
    """Each part behind its length, so that ("ab", "c") and ("a", "bc") differ."""
    message = bytearray()
    for part in (purpose, *parts):
        if not isinstance(part, str):
            raise TypeError(f"only text is signed, not {type(part).__name__}")
        if len(part) > MAX_PART_LENGTH:
            raise ValueError(f"a part to sign has at most {MAX_PART_LENGTH} characters")
        data = part.encode("utf-8", "surrogatepass")
        message += len(data).to_bytes(4, "big") + data
    return bytes(message)


def _checked_keys(keys: Keys | None) -> Keys:
    if keys is None:
        from django.conf import settings  # the one Django import: keys may also come as an argument

        keys = settings.SIGNING_KEYS
    if isinstance(keys, str) or not keys:
        raise SigningKeyError("SIGNING_KEYS must be a list with at least one key")
    for place, key in enumerate(keys, 1):
        if not isinstance(key, str) or len(key) < MIN_KEY_LENGTH:
            raise SigningKeyError(f"key {place} of SIGNING_KEYS needs {MIN_KEY_LENGTH} characters or more")
    return keys
