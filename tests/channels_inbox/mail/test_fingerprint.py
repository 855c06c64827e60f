"""One mail is known again though its carriers stamped it (reliability 1.4)."""

import pytest

from channels_inbox.mime import fingerprint

MAIL = b"From: a@correio.example\r\nSubject: x\r\n y\r\nReceived-SPF: pass\r\n\r\nReceived: in the body\r\n"


@pytest.mark.parametrize(
    "trace",
    [
        b"Received: from a by b;\r\n\tMon, 3 Mar 2025\r\n",
        b"RECEIVED: x\r\n",
        b"Return-Path: <>\r\n",
        b"Delivered-To: a@b.example\r\n",
        b"X-Original-To: a@b.example\r\n",
        b"Authentication-Results: mx;\r\n dmarc=pass\r\n",
        b"ARC-Seal: i=1;\r\n\ta=b\r\n",
        b"ARC-Message-Signature: i=1\r\n",
        b"ARC-Authentication-Results: i=1\r\n",
        b"Received : x\r\n",
    ],
)
def test_trace_fields_change_nothing(trace: bytes) -> None:
    assert fingerprint(trace + trace + MAIL) == fingerprint(MAIL)
    assert fingerprint(MAIL.replace(b"Subject", trace + b"Subject")) == fingerprint(MAIL)


@pytest.mark.parametrize(
    "other",
    [
        MAIL + b"!",
        MAIL.replace(b" y", b" z"),
        MAIL.replace(b"-SPF: pass", b"-SPF: fail"),
        MAIL.replace(b"in the body", b"elsewhere"),
        MAIL.replace(b"From", b"X-From"),
        b"X-Received: x\r\n" + MAIL,
    ],
)
def test_everything_else_counts(other: bytes) -> None:
    assert fingerprint(other) != fingerprint(MAIL)


def test_bare_line_feeds_and_missing_body() -> None:
    assert fingerprint(b"Received: a\n b\nSubject: x\n\nbody") == fingerprint(b"Subject: x\n\nbody")
    assert fingerprint(b"Subject: x\nReceived: a") == fingerprint(b"Subject: x\n")
    assert len(fingerprint(b"")) == 32
