"""A13, R-128, R-130: what is ours can be proved, what is guessed cannot."""

import hashlib
import re

import pytest
from django.test import override_settings

from helpdesk.lib import signing
from helpdesk.lib.signing import InvalidToken, SigningKeyError

OLD, NEW = "old-" * 10, "new-" * 10


def test_signature_is_stable_and_safe_in_a_local_part():
    signature = signing.sign("reply", "4821", keys=[OLD])
    assert re.fullmatch(r"[a-z2-7]{16}", signature)
    assert signature == signing.sign("reply", "4821", keys=[OLD])
    assert len(signing.sign("reply", "4821", length=26, keys=[OLD])) == 26


def test_signature_verifies_in_any_case():
    signature = signing.sign("reply", "4821", keys=[OLD])
    assert signing.verify("reply", "4821", signature=signature.upper(), keys=[OLD])


def test_signature_of_another_purpose_part_split_or_key_is_refused():
    signature = signing.sign("reply", "ab", "c", keys=[OLD])
    assert signing.verify("reply", "ab", "c", signature=signature, keys=[OLD])
    assert not signing.verify("message-id", "ab", "c", signature=signature, keys=[OLD])
    assert not signing.verify("reply", "a", "bc", signature=signature, keys=[OLD])
    assert not signing.verify("reply", "abc", signature=signature, keys=[OLD])
    assert not signing.verify("reply", "ab", "c", "", signature=signature, keys=[OLD])
    assert not signing.verify("reply", "ab", "c", signature=signature, keys=[NEW])


def test_every_changed_letter_is_refused():
    signature = signing.sign("reply", "4821", keys=[OLD])
    for place, letter in enumerate(signature):
        changed = signature[:place] + ("a" if letter != "a" else "b") + signature[place + 1 :]
        assert not signing.verify("reply", "4821", signature=changed, keys=[OLD])


@pytest.mark.parametrize("shorten", [1, 8, 15, 16])
def test_shorter_signature_is_not_easier_to_guess(shorten):
    signature = signing.sign("reply", "4821", keys=[OLD])
    assert not signing.verify("reply", "4821", signature=signature[:-shorten], keys=[OLD])


def test_longer_signature_verifies_and_cannot_be_cut_below_the_default():
    signature = signing.sign("reply", "4821", length=20, keys=[OLD])
    assert signing.verify("reply", "4821", signature=signature, keys=[OLD])
    assert signing.verify("reply", "4821", signature=signature, length=20, keys=[OLD])
    assert not signing.verify("reply", "4821", signature=signature[:16], length=20, keys=[OLD])
    assert not signing.verify("reply", "4821", signature=signature[:15], keys=[OLD])
    assert not signing.verify("reply", "4821", signature=signature + "a" * 40, keys=[OLD])


def test_keys_overlap_while_one_is_replaced():
    old = signing.sign("reply", "4821", keys=[OLD])
    assert signing.verify("reply", "4821", signature=old, keys=[NEW, OLD])
    assert signing.sign("reply", "4821", keys=[NEW, OLD]) != old
    assert not signing.verify("reply", "4821", signature=old, keys=[NEW])


@pytest.mark.parametrize("signature", [None, b"a" * 16, ["a"], "ç" * 16, "a" * 100_000, ""])
def test_odd_signatures_are_just_wrong(signature):
    assert not signing.verify("reply", "4821", signature=signature, keys=[OLD])


def test_odd_parts_from_outside_are_just_wrong_but_never_signed():
    signature = signing.sign("reply", "1", keys=[OLD])
    assert not signing.verify("reply", 1, signature=signature, keys=[OLD])
    assert not signing.verify("reply", "1" * 5000, signature=signature, keys=[OLD])
    assert not signing.verify("reply", "\ud800", signature=signature, keys=[OLD])
    with pytest.raises(TypeError):
        signing.sign("reply", 1, keys=[OLD])
    with pytest.raises(ValueError, match="2000"):
        signing.sign("reply", "1" * 2001, keys=[OLD])
    with pytest.raises(ValueError, match="length"):
        signing.sign("reply", "1", length=4, keys=[OLD])


@pytest.mark.parametrize("keys", [[], "x" * 40, ["short"], [OLD, None]])
def test_bad_keys_are_named(keys):
    with pytest.raises(SigningKeyError, match="SIGNING_KEYS"):
        signing.sign("reply", "1", keys=keys)


def test_keys_come_from_the_setting():
    with override_settings(SIGNING_KEYS=[NEW, OLD]):
        assert signing.sign("reply", "1") == signing.sign("reply", "1", keys=[NEW])
        assert signing.verify("reply", "1", signature=signing.sign("reply", "1", keys=[OLD]))


def test_new_token_is_random_and_stored_as_its_hash():
    tokens = {signing.new_token() for _ in range(200)}
    assert len(tokens) == 200
    for token, digest in tokens:
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", token)
        assert digest == hashlib.sha256(token.encode()).digest() == signing.hash_token(token)


@pytest.mark.parametrize(
    "token",
    [None, 7, b"a" * 43, ["a" * 43], "", "%", "*", "a" * 42, "a" * 44, "a" * 9999, "ç" * 43, "a" * 43 + "\n"],
)
def test_hash_token_refuses_what_is_no_token(token):  # A14: wildcards, lists and null
    with pytest.raises(InvalidToken):
        signing.hash_token(token)
