"""How secrets of the installation (channel passwords, tokens, TOTP keys) are kept in the database.

Fernet (AES-128-CBC with HMAC-SHA256): the first key encrypts, all keys decrypt, so a key is replaced by
putting a new one in front and rotating the rows. Keys live outside the database, in the setting
`ENCRYPTION_KEYS`.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

Keys = Sequence[str]


class EncryptionKeyError(Exception):
    """No key, or a key that is not 32 bytes in base64."""


class DecryptionError(Exception):
    """The value was encrypted with a key this installation does not have, or it was changed."""


def new_key() -> str:
    """Return a fresh key for `ENCRYPTION_KEYS`: 32 random bytes, urlsafe base64."""
    return Fernet.generate_key().decode("ascii")


def encrypt(value: bytes | str, *, keys: Keys | None = None) -> bytes:
    """Encrypt with the first key. Text is stored as UTF-8. Raises EncryptionKeyError."""
    data = value.encode("utf-8") if isinstance(value, str) else value
    return _cipher(keys).encrypt(data)


def decrypt(token: bytes | memoryview, *, keys: Keys | None = None) -> bytes:
    """Decrypt with whichever key fits. Takes what a BinaryField gives. Raises DecryptionError."""
    cipher = _cipher(keys)
    try:
        return cipher.decrypt(bytes(token))
    except (InvalidToken, TypeError, ValueError):
        raise DecryptionError(
            "a stored secret cannot be read: the key that encrypted it is not in ENCRYPTION_KEYS"
        ) from None


def decrypt_text(token: bytes | memoryview, *, keys: Keys | None = None) -> str:
    """`decrypt`, as text."""
    return _decode(decrypt(token, keys=keys))


def encrypt_json(value: Any, *, keys: Keys | None = None) -> bytes:
    """Encrypt anything JSON can say."""
    return encrypt(json.dumps(value, ensure_ascii=False, separators=(",", ":")), keys=keys)


def decrypt_json(token: bytes | memoryview, *, keys: Keys | None = None) -> Any:
    """Inverse of `encrypt_json`. Raises DecryptionError, also when the content is no JSON."""
    try:
        return json.loads(_decode(decrypt(token, keys=keys)))
    except json.JSONDecodeError:
        raise DecryptionError("a stored secret was read but is not JSON") from None


def rotate(token: bytes | memoryview, *, keys: Keys | None = None) -> bytes:
    """Encrypt again with the first key, whichever key it had. Raises DecryptionError."""
    return encrypt(decrypt(token, keys=keys), keys=keys)


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise DecryptionError("a stored secret was read but is not text") from None


def _cipher(keys: Keys | None) -> MultiFernet:
    if keys is None:
        from django.conf import settings  # the one Django import: keys may also come as an argument

        keys = settings.ENCRYPTION_KEYS
    if isinstance(keys, str):
        raise EncryptionKeyError("ENCRYPTION_KEYS must be a list of keys, not one text")
    return _cached_cipher(tuple(keys))


@lru_cache(maxsize=8)
def _cached_cipher(keys: tuple[str, ...]) -> MultiFernet:
    if not keys:
        raise EncryptionKeyError("ENCRYPTION_KEYS is empty")
    return MultiFernet([Fernet(_checked_key(key, place)) for place, key in enumerate(keys, 1)])


def _checked_key(key: str, place: int) -> bytes:
    """Urlsafe base64 of exactly 32 bytes; plain base64 is accepted too, since people generate it by hand."""
    try:
        data = base64.b64decode(key.strip().replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError, AttributeError):
        data = b""
    if len(data) != 32:
        raise EncryptionKeyError(f"key {place} of ENCRYPTION_KEYS must be 32 bytes in base64")
    return base64.urlsafe_b64encode(data)
