"""Bombs cost a bounded effort and lose nothing the raw mail still has (A22)."""

import pytest

from channels_inbox.mail import limits
from channels_inbox.mime import fingerprint, parse_email
from tests.channels_inbox.mail.facts import read_everything

TOP = b"From: a@correio.example\r\nTo: b@loja.example\r\nSubject: x\r\nMessage-ID: <a@correio.example>\r\n"
HTML = TOP + b"Content-Type: text/html\r\n\r\n"
DAEMON = b"From: MAILER-DAEMON@mx.example\r\nReturn-Path: <>\r\nSubject: failure notice\r\n\r\n"
MILLION = 1_000_000


def nested(depth: int) -> bytes:
    levels = (
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (at, at) for at in range(depth)
    )
    return TOP + b"".join(levels) + b"\r\nfim"


BOMBS = {
    "less-than signs": TOP + b"\r\n" + b"<" * MILLION,
    "less-than signs in HTML": HTML + b"<" * MILLION,
    "unclosed tags": HTML + b"<a " * MILLION,
    "unclosed comments": HTML + b"<!-- " * 400_000,
    "unclosed styles": HTML + b"<style>" * 300_000,
    "nested divs": HTML + b"<div>" * 200_000,
    "huge character reference": HTML + b"&#" + b"9" * MILLION,
    "quotes in From": b"From: " + b'"' * 400_000 + b"\r\n\r\nx",
    "comments in To": b"To: " + b"(" * 400_000 + b"\r\n\r\nx",
    "angles in From": b"From: " + b"<" * MILLION + b"\r\n\r\nx",
    "half words in Subject": b"Subject: " + b"=?a?q?" * 200_000 + b"\r\n\r\nx",
    "parameters": TOP + b"Content-Type: text/plain" + b';a="' * 100_000 + b"\r\n\r\nx",
    "false boundaries": TOP
    + b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n"
    + b"\n--xy" * MILLION,
    "padding": TOP + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"=A" * MILLION,
    "soft lines": TOP + b"Content-Type: text/plain; format=flowed\r\n\r\n" + b"a \n" * MILLION,
    "stray bytes": TOP + b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + b"\xc3\xa9\xff" * MILLION,
    "NULs": b"\0" * MILLION,
    "carriage returns": b"\r" * MILLION,
    "one long line": b"x" * MILLION,
    "lines without a field": b"From: a@correio.example\n" + b"bad line\n" * 200_000 + b"Subject: z\n\nx",
    "codes in a report": DAEMON + b"550 " * MILLION,
    "addresses in a report": DAEMON + b"a@" * MILLION,
    "ids in a report": DAEMON + b"Message-ID: <" * 300_000,
    "400 KB field": TOP + b"X-Long: " + b"x" * 400_000 + b"\r\n\r\nx",
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.timeout(30)
def test_bomb_is_read(name: str) -> None:
    read_everything(parse_email(BOMBS[name]))
    assert len(fingerprint(BOMBS[name])) == 32


def test_deep_mail_stops_at_the_limit_and_keeps_the_rest_as_a_file() -> None:
    mail = parse_email(nested(500))
    assert "too_deep" in mail.defects
    (rest,) = mail.attachments
    assert rest.content_type == "application/octet-stream"
    assert rest.content.endswith(b"fim")


def test_many_parts_keep_the_rest_as_one_file() -> None:
    part = b"--x\r\nContent-Type: image/png\r\n\r\na\r\n"
    mail = parse_email(
        TOP + b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + part * 5000 + b"--x--\r\n"
    )
    assert "too_many_parts" in mail.defects
    assert len(mail.attachments) == limits.PARTS + 1


def test_many_references_keep_root_and_latest() -> None:
    ids = [f"<{number}@correio.example>" for number in range(20_000)]
    mail = parse_email(TOP + b"References: " + "\r\n ".join(ids).encode() + b"\r\n\r\nx")
    assert mail.references == ids[:10] + ids[-90:]


def test_many_recipients_are_cut_and_flagged() -> None:
    fields = b"".join(b"Cc: p%d@correio.example\r\n" % number for number in range(1500))
    mail = parse_email(TOP + fields + b"\r\nx")
    assert len(mail.cc) == 500
    assert mail.cc[0].address == "p0@correio.example"


def test_long_subject_name_and_id_are_cut() -> None:
    mail = parse_email(
        b"From: "
        + b"n" * 5000
        + b" <a@correio.example>\r\nSubject: "
        + b"s" * 5000
        + b"\r\nMessage-ID: <"
        + b"i" * 5000
        + b"@correio.example>\r\nReferences: <"
        + b"r" * 5000
        + b"@x.example> <ok@x.example>\r\n\r\nx"
    )
    assert (len(mail.subject), len(mail.from_name), mail.message_id) == (998, 300, "")
    assert mail.references == ["<ok@x.example>"]


def test_text_beyond_the_limit_is_also_kept_as_a_file() -> None:
    mail = parse_email(TOP + b"\r\n" + b"palavra " * 600_000)
    assert len(mail.text) == limits.TEXT_BYTES
    assert "text_cut" in mail.defects
    assert [one.size for one in mail.attachments] == [4_800_000]
