"""The face of the parser: pure, lazy, safe to call."""

import pickle
import subprocess
import sys

import pytest

from channels_inbox.mail.parts import Part
from channels_inbox.mime import parse_email
from tests.channels_inbox.mail.samples import raw_sample, sample


def test_import_needs_no_django() -> None:
    code = "import sys, channels_inbox.mime; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_header_facts_decode_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Part, "decode", lambda part: pytest.fail("a part was decoded"))
    mail = sample("apple_mail_text_after_picture")
    assert mail.from_address
    assert mail.to
    assert mail.subject
    assert mail.date
    assert mail.message_id
    assert (mail.references, mail.in_reply_to, mail.is_list, mail.null_return_path) == ([], "", False, False)


def test_attachments_are_not_decoded_for_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[str] = []
    real = Part.decode
    monkeypatch.setattr(Part, "decode", lambda part: decoded.append(part.content_type) or real(part))
    assert sample("apple_mail_text_after_picture").text
    assert decoded == ["text/plain", "text/plain"]


def test_error_of_ours_is_flagged_and_does_not_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(part: Part) -> bytes:
        raise ZeroDivisionError

    monkeypatch.setattr(Part, "decode", fail)
    mail = sample("gmail_reply")
    assert (mail.text, mail.attachments, mail.subject) == ("", [], "Re: [#1042] Nota fiscal com erro")
    assert "unreadable:_body" in mail.defects


def test_mail_travels_between_processes() -> None:
    mail = sample("gmail_reply")
    assert mail.text
    assert pickle.loads(pickle.dumps(mail)).subject == mail.subject


def test_visible_reply_leaves_the_quote_out() -> None:
    reply = sample("gmail_reply").visible_reply
    assert reply.text == "Olá, o CNPJ correto é 12.345.678/0001-95. Não é o da filial."
    assert reply.quote_removed


def test_visible_reply_of_html_only_mail() -> None:
    raw = raw_sample("newsletter").replace(b"</body>", b"<p>fim da carta</p></body>")
    assert "fim da carta" in parse_email(raw).visible_reply.text


def test_safe_html_runs_nothing() -> None:  # A01
    html = pytest.importorskip("helpdesk.lib.html")
    assert html
    mail = parse_email(raw_sample("newsletter"))
    assert "<script" not in mail.safe_html
    assert "50% &lt; tudo" in mail.safe_html
    assert "remote_images" not in mail.safe_html
    assert sample("raw_8bit_utf8").safe_html == ""
