"""Single header fields, right and wrong (RFC 5322, 2045, 2047)."""

from datetime import UTC, datetime

import pytest

from channels_inbox.mime import ParsedEmail, parse_email


def mail_of(fields: str, *, body: bytes = b"texto") -> ParsedEmail:
    return parse_email(fields.encode() + b"\n\n" + body)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("=?utf-8?Q?Tudo bem??= =?utf-8?Q?_ok=3F?=", "Tudo bem? ok?"),  # Outlook: blanks and marks unencoded
        ("=?utf-8?Q?a=C3?==?utf-8?Q?=A9?=", "aé"),  # cut inside a letter, no blank between
        ("Re: [#12] =?iso-8859-1?B?QedBbw==?= fim", "Re: [#12] AçAo fim"),
        ("=?utf-8?B?T2zDoQ?=", "Olá"),  # padding missing
        ("=?utf-8*pt?Q?Ol=C3=A1?=", "Olá"),
        ("=?utf-8?Q?aberta", "=?utf-8?Q?aberta"),
        ("com\n   recuo\n\tde aba", "com   recuo de aba"),
        ("a\x00b\x1b[31m\x0bc\u2028d\u202e\u200b", "a b [31m c d"),  # A18
    ],
)
def test_subject(field: str, expected: str) -> None:
    assert mail_of(f"From: a@b.example\nSubject: {field}").subject == expected


@pytest.mark.parametrize(
    ("field", "name", "address"),
    [
        ('"=?utf-8?Q?Jo=C3=A3o=2C_Silva?=" <j@b.example>', "João, Silva", "j@b.example"),
        ("=?utf-8?Q?Silva,_Jo=C3=A3o?= <j@b.example>", "Silva, João", "j@b.example"),
        ("j@b.example (=?utf-8?Q?Jo=C3=A3o?=)", "João", "j@b.example"),
        ('"ceo@banco.example" <x@mal.example>', "ceo@banco.example", "x@mal.example"),
        ("ceo@banco.example <x@mal.example>", "ceo@banco.example", "x@mal.example"),
        ("Ana <a@b.example", "Ana", "a@b.example"),
        ("Ana S. Lima < A@B.Example. >", "Ana S. Lima", "A@b.example"),
        (r'"Ana \"B\" \\ Lima" <a@b.example>', 'Ana "B" \\ Lima', "a@b.example"),
        ("Depto: Vendas <a@b.example>", "Depto: Vendas", "a@b.example"),
        ("José <josé@exemplo-ç.example>", "José", "josé@exemplo-ç.example"),
        ("mailto:a@b.example", "", "a@b.example"),
        ("Ana <não é endereço>", "Ana", ""),
        ("Ana <a@b@c.example>", "Ana", ""),
        ("Ana <" + "a" * 300 + "@b.example>", "Ana", ""),
    ],
)
def test_from(field: str, name: str, address: str) -> None:
    mail = mail_of(f"From: {field}")
    assert (mail.from_name, mail.from_address) == (name, address)


def test_several_authors_are_flagged() -> None:
    mail = mail_of("From: A <a@b.example>, C <c@d.example>")
    assert mail.from_address == "a@b.example"
    assert "from_several" in mail.defects


def test_sender_stands_in_for_a_missing_author() -> None:
    mail = mail_of("Sender: Sistema <s@b.example>")
    assert (mail.from_name, mail.from_address) == ("", "s@b.example")
    assert "from_missing" in mail.defects


@pytest.mark.parametrize(
    "field",
    [
        "Mon, 3 Mar 2025 10:00:00 -0300",
        "3 Mar 25 10:00:00 -0300 (BRT)",
        "2025-03-03T10:00:00-03:00",
        "seg., 3 mar. 2025 13:00:00 +0000",
        "Mon, 03 Mar 2025 13:00:00 -0000",
        "Mon, 03 Mar 2025 13:00:00",
    ],
)
def test_date_in_utc(field: str) -> None:
    assert mail_of(f"Date: {field}").date == datetime(2025, 3, 3, 13, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "field", ["ontem", "Mon, 32 Mar 2025 10:00:00", "1 Jan 99999 00:00:00 +9999", "9" * 300]
)
def test_no_date_is_flagged(field: str) -> None:
    mail = mail_of(f"Date: {field}")
    assert mail.date is None
    assert "date_unreadable" in mail.defects


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("lixo <x@y> <x@y> foo@bar", ["<x@y>"]),
        ("x@y z@w", ["<x@y>", "<z@w>"]),
        ("=?utf-8?Q?=3Ca=40x=3E_=3Cb=40x=3E?=", ["<a@x>", "<b@x>"]),
        ("<a\n b@x>", ["<ab@x>"]),
    ],
)
def test_references(field: str, expected: list[str]) -> None:
    assert mail_of(f"From: a@b.example\nReferences: {field}").references == expected


@pytest.mark.parametrize(
    ("charset", "codec", "text"),
    [
        ("windows-1251", "cp1251", "Привет мир"),
        ("gb2312", "gb18030", "你好世界"),
        ("latin1", "cp1252", "preço: “10 €”"),
        ("'UTF8'", "utf-8", "ação"),
        ("idna", "cp1252", "ação"),
        ("punycode", "cp1252", "ação"),
        ("", "utf-8", "ação"),
        ("", "mac-roman", "informações não são válidas"),
    ],
)
def test_charset(charset: str, codec: str, text: str) -> None:
    assert mail_of(f"Content-Type: text/plain; charset={charset}", body=text.encode(codec)).text == text


def test_text_of_two_charsets_loses_no_letter() -> None:
    body = "Solicitação não atendida à época, ".encode() + "mês".encode("latin-1")
    mail = mail_of("Content-Type: text/plain; charset=utf-8", body=body)
    assert mail.text == "Solicitação não atendida à época, mês"


@pytest.mark.parametrize("start", [b"\xef\xbb\xbf", b"\r\n", b"From a@b.example Mon Mar 3\n"])
def test_what_stands_before_the_header_is_passed_over(start: bytes) -> None:
    mail = parse_email(start + b"From: a@b.example\nSubject: x\n\ntexto")
    assert (mail.from_address, mail.subject, mail.text) == ("a@b.example", "x", "texto")


def test_boundary_with_blank_at_its_end() -> None:
    mail = mail_of(
        'Content-Type: multipart/mixed; boundary="B "', body=b"--B\n\num\n--B--\nfim\n--B\n\ndois\n--B--\n"
    )
    assert mail.text == "um\ndois"  # also what stands behind a boundary closed too early


def test_html_in_pieces_inside_an_alternative_is_whole() -> None:
    body = (
        b"--B\n\nplano\n--B\nContent-Type: multipart/mixed; boundary=C\n\n"
        b"--C\nContent-Type: text/html\n\n<p>a</p>\n"
        b"--C\nContent-Type: application/pdf\n\nx\n--C\nContent-Type: text/html\n\n<p>b</p>\n--C--\n--B--\n"
    )
    mail = mail_of("Content-Type: multipart/alternative; boundary=B", body=body)
    assert (mail.text, mail.html) == ("plano", "<p>a</p>\n<p>b</p>")
    assert [one.name for one in mail.attachments] == ["attachment-1.pdf"]


def test_digest_holds_messages() -> None:
    mail = mail_of("Content-Type: multipart/digest; boundary=B", body=b"--B\n\nSubject: um\n\nx\n--B--\n")
    assert [(one.name, one.content_type) for one in mail.attachments] == [("um.eml", "message/rfc822")]


@pytest.mark.parametrize(
    ("encoding", "body", "content"),
    [
        ("base64", b"QUJD\nRA==\nRUY=\n", b"ABCDEF"),
        ("base64", b"QUJDRA", b"ABCD"),
        ("base64", b"QUJDRA==\n-- rodap\xc3\xa9 da lista\n", b"ABCD"),
        ("BASE64; x", b"QU JD", b"ABC"),
        ("x-uuencode", b"begin 644 a\n#0V%T\n`\nend\n", b"Cat"),
        ("quoted-printable", b"a=3Db=\nc", b"a=bc"),
        ("rot13", b"abc", b"abc"),
    ],
)
def test_transfer_encoding(encoding: str, body: bytes, content: bytes) -> None:
    fields = f"Content-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: {encoding}"
    assert mail_of(fields, body=body).attachments[0].content == content
