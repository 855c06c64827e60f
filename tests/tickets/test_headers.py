"""What a stranger writes never becomes a header of ours (A18): encoded words, signs of an address, line breaks."""

import base64
import email
import email.policy
from urllib.parse import quote

import pytest

from channels_inbox.models import MessageAttachment, OutboundMessage
from tickets import conversation
from tickets.mail_out import clean_header, mail_address, mail_ids
from tickets.models import EntryAttachment

pytestmark = pytest.mark.django_db
LINE = "=?utf-8?q?=0D=0ABcc=3A_mau=40fora.example=0D=0A=0D=0Atexto?="
OURS = {
    "From", "To", "Reply-To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "X-Presteza-Protocol",
    "MIME-Version", "Content-Type",
}  # fmt: skip


def hidden(text: str) -> str:
    """Encode a text as a mail program does: what comes out of it is still an encoded word."""
    return f"=?utf-8?b?{base64.b64encode(text.encode()).decode()}?="


def letter_of(*, subject="Nota", name="Marina", message_id="raiz", references="<x@y.example>", file="a.txt") -> bytes:
    """Return a mail as a hostile program writes it; Python's own would decode and fold what it is given."""
    disposition = f"attachment; filename*=utf-8''{quote(file, safe='')}"
    return "\r\n".join(
        [
            f"From: {name} <marina@trigal.example>", "To: suporte@presteza.example", f"Subject: {subject}",
            f"Message-ID: <{message_id}@trigal.example>", f"References: {references}", "MIME-Version: 1.0",
            "Content-Type: multipart/mixed; boundary=b", "", "--b", "Content-Type: text/plain", "", "Oi",
            "--b", "Content-Type: text/plain", f"Content-Disposition: {disposition}", "", "1", "--b--", "",
        ]
    ).encode()  # fmt: skip


def answered(arrive, livia, **said) -> bytes:
    entry = arrive(letter_of(**said))
    kept = [each.file for each in EntryAttachment.objects.filter(entry=entry)]
    assert len(kept) == 1
    conversation.reply(entry.ticket, actor=livia, text="Vou ver.", attachments=kept)
    return bytes(OutboundMessage.objects.get(purpose="reply").payload)


@pytest.mark.parametrize(
    "said",
    [
        {"subject": hidden(f"Nota {LINE} fim")},
        {"name": hidden(f"Marina {LINE}")},
        {"message_id": f"a{LINE}b"},
        {"references": f"<a{LINE}b@trigal.example>"},
        {"file": f"nota {LINE}.txt"},
    ],
    ids=["subject", "name", "message id", "references", "file name"],
)
def test_encoded_line_break_writes_no_header(arrive, person, said):
    raw = answered(arrive, person("livia"), **said)
    assert b"\nBcc" not in raw
    letter = email.message_from_bytes(raw, policy=email.policy.default)
    assert set(letter.keys()) <= OURS
    for part in letter.walk():
        assert "Bcc" not in part
        assert not part.defects


def test_file_renamed_in_the_database_writes_no_header(arrive, person):
    entry, livia = arrive(letter_of()), person("livia")
    MessageAttachment.objects.update(name=f"{LINE}.txt")
    kept = [each.file for each in EntryAttachment.objects.filter(entry=entry)]
    conversation.reply(entry.ticket, actor=livia, text="Vou ver.", attachments=kept)
    assert b"\nBcc" not in bytes(OutboundMessage.objects.get(purpose="reply").payload)


def test_name_with_the_signs_of_an_address_is_a_name_however_long_the_line(arrive, person):
    # OTRS CVE-2020-1765; folding forgets the quotes
    name = "Marina: mau@fora.example, outra@fora.example; (nota) <mau@fora.example> e mais um pouco de nome"
    raw = answered(arrive, person("livia"), name=hidden(name))
    letter = email.message_from_bytes(raw, policy=email.policy.default)
    assert [each.addr_spec for each in letter["To"].addresses] == ["marina@trigal.example"]


def test_values_are_clean_and_harmless_ones_stay():
    assert clean_header("Nota 1932: rejeição 539 (urgente)?") == "Nota 1932: rejeição 539 (urgente)?"
    assert "=?" not in clean_header(LINE)
    assert str(mail_address("Padaria S.A. & filhos", "a@b.example")) == '"Padaria S.A. & filhos" <a@b.example>'
    assert mail_ids(["a@b.example", "a b@c", "<a>", f"x{LINE}", "c@d.example"]) == "<a@b.example> <c@d.example>"
