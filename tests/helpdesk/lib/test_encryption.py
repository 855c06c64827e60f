"""A25: secrets are encrypted with a key outside the database, and keys can be replaced."""

import base64

import pytest
from django.test import override_settings

from helpdesk.lib import encryption
from helpdesk.lib.encryption import DecryptionError, EncryptionKeyError

OLD, NEW, FOREIGN = encryption.new_key(), encryption.new_key(), encryption.new_key()


def test_round_trip_of_text_bytes_and_json():
    assert encryption.decrypt(encryption.encrypt("sênha", keys=[OLD]), keys=[OLD]) == "sênha".encode()
    assert encryption.decrypt_text(encryption.encrypt("sênha", keys=[OLD]), keys=[OLD]) == "sênha"
    assert encryption.decrypt(encryption.encrypt(b"\x00\xff", keys=[OLD]), keys=[OLD]) == b"\x00\xff"
    value = {"user": "desk@company.example", "expires": 3600, "scopes": ["imap", None]}
    assert encryption.decrypt_json(encryption.encrypt_json(value, keys=[OLD]), keys=[OLD]) == value


def test_token_hides_the_value_and_differs_each_time():
    first, second = (encryption.encrypt("hunter2", keys=[OLD]) for _ in range(2))
    assert b"hunter2" not in first
    assert first != second


def test_first_key_encrypts_and_all_decrypt():
    token = encryption.encrypt("x", keys=[OLD])
    assert encryption.decrypt(token, keys=[NEW, OLD]) == b"x"
    with pytest.raises(DecryptionError):
        encryption.decrypt(encryption.encrypt("x", keys=[NEW, OLD]), keys=[OLD])


def test_rotate_moves_a_value_to_the_first_key():
    rotated = encryption.rotate(encryption.encrypt("x", keys=[OLD]), keys=[NEW, OLD])
    assert encryption.decrypt(rotated, keys=[NEW]) == b"x"
    again = encryption.rotate(rotated, keys=[NEW])
    assert encryption.decrypt(again, keys=[NEW]) == b"x"


@pytest.mark.parametrize(
    "spoil", [lambda token: token[:-4] + b"AAAA", lambda token: token[:10], lambda _: b"", lambda _: "ç"]
)
def test_changed_value_is_a_decryption_error(spoil):
    with pytest.raises(DecryptionError):
        encryption.decrypt(spoil(encryption.encrypt("x", keys=[OLD])), keys=[OLD])


def test_wrong_key_is_a_clear_decryption_error_without_the_value():
    token = encryption.encrypt("hunter2", keys=[OLD])
    with pytest.raises(DecryptionError, match="not in ENCRYPTION_KEYS") as refusal:
        encryption.decrypt(token, keys=[FOREIGN])
    assert OLD not in str(refusal.value)
    with pytest.raises(DecryptionError):
        encryption.rotate(token, keys=[FOREIGN])


def test_content_of_another_shape_is_a_decryption_error():
    with pytest.raises(DecryptionError, match="not JSON"):
        encryption.decrypt_json(encryption.encrypt("{", keys=[OLD]), keys=[OLD])
    with pytest.raises(DecryptionError, match="not text"):
        encryption.decrypt_text(encryption.encrypt(b"\xff", keys=[OLD]), keys=[OLD])


@pytest.mark.parametrize(
    "keys", [[], ["short"], [OLD, ""], [base64.b64encode(b"x" * 31).decode()], ["ç" * 44], OLD]
)
def test_bad_keys_are_named(keys):
    with pytest.raises(EncryptionKeyError, match="ENCRYPTION_KEYS"):
        encryption.encrypt("x", keys=keys)


def test_plain_base64_key_is_accepted():
    key = base64.b64encode(bytes(range(224, 256))).decode()
    assert "/" in key or "+" in key
    assert encryption.decrypt(encryption.encrypt("x", keys=[key]), keys=[key]) == b"x"


def test_keys_come_from_the_setting():
    with override_settings(ENCRYPTION_KEYS=[NEW, OLD]):
        assert encryption.decrypt(memoryview(encryption.encrypt("x", keys=[OLD]))) == b"x"
        assert encryption.decrypt(encryption.encrypt("x"), keys=[NEW]) == b"x"
