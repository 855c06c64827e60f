"""Mail as programs really write it (R-127)."""

from datetime import UTC, datetime

import pytest

from channels_inbox.mime import parse_email
from tests.channels_inbox.mail.facts import read_everything
from tests.channels_inbox.mail.samples import NAMES, raw_sample, sample

PERSONS = {
    "apple_mail_text_after_picture",
    "boundary_lost",
    "broken_folding",
    "calendar_invite",
    "duplicate_headers",
    "charset_ascii_but_dos_page",
    "charset_iso2022jp",
    "charset_unknown_label",
    "charset_utf16_base64",
    "charset_utf7_refused",
    "charset_wrong_label",
    "empty_sender",
    "file_names_encodings",
    "file_names_hostile",
    "forwarded_as_attachment",
    "forwarded_inline_gmail",
    "gmail_reply",
    "header_injection_in_words",
    "no_blank_line_before_body",
    "outlook_inline_logo",
    "person_answers_on_delivery_failure",
    "person_asks_about_automatic_replies",
    "person_mentions_out_of_office",
    "person_writes_about_holidays",
    "pgp_encrypted",
    "pgp_signed",
    "raw_8bit_latin1",
    "raw_8bit_utf8",
    "recipients_of_all_shapes",
    "sender_in_encoded_word",
    "smime_enveloped",
    "smime_signed",
    "text_mislabelled_base64",
    "text_part_with_name_only",
    "thunderbird_flowed",
    "winmail_dat",
    "yahoo_webmail",
}


@pytest.mark.parametrize("name", NAMES)
def test_sample_reads_the_same_with_either_line_end(name: str) -> None:
    assert read_everything(parse_email(raw_sample(name))) == {
        **read_everything(parse_email(raw_sample(name, crlf=True)))
    }


@pytest.mark.parametrize("name", NAMES)
def test_only_programs_are_automatic(name: str) -> None:
    assert sample(name).is_auto_reply == (name not in PERSONS)


def test_gmail_reply() -> None:
    mail = sample("gmail_reply")
    assert (mail.from_name, mail.from_address) == ("Marina Duarte", "marina.duarte@correio.example")
    assert mail.to == [("Suporte Loja", "suporte@loja.example")]
    assert mail.cc == [("José Falcão", "jose@correio.example")]
    assert mail.date == datetime(2025, 3, 3, 17, 15, 1, tzinfo=UTC)
    assert mail.message_id == "<CAF+abc2=xyz@mail.correio.example>"
    assert mail.in_reply_to == "<t.77.k3@loja.example>"
    assert mail.references == ["<CAF+abc1@mail.correio.example>", "<t.77.k3@loja.example>"]
    assert mail.text.startswith("Olá, o CNPJ correto é 12.345.678/0001-95. Não é o da filial.\n\nEm seg.")
    assert "gmail_quote" in mail.html
    assert (mail.delivered_to, mail.null_return_path) == (["suporte@loja.example"], False)
    assert mail.defects == []


def test_authentication_results_keep_their_order() -> None:  # R-128 row 1
    first, second = sample("gmail_reply").authentication_results
    assert first.startswith("mx.loja.example;")
    assert "dmarc=pass (p=NONE)" in first
    assert second == "forged.example; dmarc=pass"


def test_outlook_logo_is_inline_and_suppression_is_only_a_hint() -> None:
    mail = sample("outlook_inline_logo")
    assert mail.from_name == "Antônio Brandão"
    assert "– “erro 502”" in mail.text  # Windows letters under an ISO label
    assert [(one.name, one.inline, one.content_id) for one in mail.attachments] == [
        ("image001.png", True, "image001.png@01DB8CF0.12345670")
    ]
    assert mail.suppresses_replies
    assert not mail.is_auto_reply


def test_apple_mail_text_around_a_picture_is_all_shown() -> None:
    mail = sample("apple_mail_text_after_picture")
    assert mail.from_name == "Débora Quintão"  # the name is cut between two words
    assert mail.text == "Segue a tela; o botão some: \nE depois da atualização não volta."
    assert [(one.name, one.inline) for one in mail.attachments] == [
        ("Captura de Tela 2025\u201103\u201105 às 07.59.png", False)
    ]


def test_yahoo_subject_is_cut_inside_a_word() -> None:
    mail = sample("yahoo_webmail")
    assert mail.subject == "Dúvida sobre garantia – pedido 55"
    assert mail.from_name == "Letícia Ornelas"  # raw 8-bit
    assert mail.reply_to == [("Letícia Ornelas", "leticia.pessoal@webmail.example")]


def test_flowed_lines_are_joined() -> None:
    assert sample("thunderbird_flowed").text == (
        "Pode mandar a segunda via do boleto? Preciso pagar ainda hoje, antes das 17h, pelo "
        "banco da empresa.\n\n"
        "> Seu boleto venceu ontem.\n >isto começa com o sinal de maior\n-- \nOtávio\n"
    )


def test_calendar_is_kept_and_flowed_words_are_mended() -> None:
    mail = sample("calendar_invite")
    assert mail.text == "Você foi convidada para Reunião de implantação."
    assert [(one.name, one.content_type) for one in mail.attachments] == [
        ("invite.ics", "text/calendar"),
        ("invite.ics", "application/ics"),
    ]


@pytest.mark.parametrize(
    ("name", "text", "files"),
    [
        ("winmail_dat", "Segue o pedido.\n", ["winmail.dat"]),
        ("smime_signed", "Assinado conforme a exigência.", ["smime.p7s"]),
        ("smime_enveloped", "", ["smime.p7m"]),
        ("pgp_signed", "A chave mudou.\n", ["signature.asc"]),
        ("pgp_encrypted", "", ["version.asc", "encrypted.asc"]),
        ("boundary_lost", "o texto", ["a.pdf"]),
        ("text_part_with_name_only", "Laudo anexo.", ["mensagem.txt", "dados.csv"]),
        ("text_mislabelled_base64", "O pedido 12 foi recusado pela operadora do cartao.\n", []),
        ("no_blank_line_before_body", "O corpo começa aqui, sem separação.\n\nsegundo parágrafo\n", []),
    ],
)
def test_text_and_files(name: str, text: str, files: list[str]) -> None:
    mail = sample(name)
    assert (mail.text, [one.name for one in mail.attachments]) == (text, files)


def test_nested_message_is_one_file_named_by_its_subject() -> None:
    mail = sample("forwarded_as_attachment")
    (nested,) = mail.attachments
    assert (nested.name, nested.content_type) == ("Cobrança em duplicidade 3-4.eml", "message/rfc822")
    assert parse_email(nested.content).attachments[0].name == "fatura.pdf"
    assert mail.is_forward
    assert mail.text == "Vejam o e-mail do cliente."


def test_forward_is_told_by_its_mark_and_a_reply_is_none() -> None:
    assert sample("forwarded_inline_gmail").is_forward
    assert not sample("gmail_reply").is_forward


def test_list_footer_is_shown_in_both_renditions() -> None:
    mail = sample("mailing_list_footer")
    assert mail.is_list
    assert mail.auto_reason == "list"
    for rendition in (mail.text, mail.html):
        assert "Alguien recibi" in rendition
        assert "Usuarios mailing list" in rendition


def test_footer_behind_base64_is_kept() -> None:
    mail = sample("base64_with_plain_footer")
    assert mail.text.startswith("Atenção: chegou.\n---")
    assert "usuarios-unsubscribe@lista.example" in mail.text
    assert mail.defects == ["base64_trailing"]


def test_html_only_reads_as_text_without_script_style_or_comment() -> None:
    mail = sample("newsletter")
    assert mail.text == "Só hoje:\n\n50% < tudo"


def test_group_mail_keeps_author_and_path() -> None:
    mail = sample("via_google_group")
    assert mail.reply_to == [("Luís Dutra", "luis@correio.example")]
    assert mail.delivered_to == ["fila@loja.example", "suporte@loja.example"]
    assert mail.x_original_to == ["suporte@loja.example"]


def test_recipients_of_all_shapes() -> None:
    mail = sample("recipients_of_all_shapes")
    assert (mail.from_name, mail.from_address) == ("Ana Souza", "ana@correio.example")
    assert mail.to == [
        ("Silva, João", "joao@loja.example"),
        ("Costa; Rui", "rui@loja.example"),
        ("", "bia@loja.example"),
        ("", "caio@loja.example"),
        ("", "dora@loja.example"),
        ('Eva "A" Días', "eva@loja.example"),
    ]
    assert mail.cc == []
    assert mail.sender == ("Sistema", "sistema@correio.example")
    assert (mail.message_id, mail.in_reply_to) == ("<rcpt.1@correio.example>", "<a.1@loja.example>")
    assert mail.references == ["<a.0@loja.example>", "<a.1@loja.example>", "<muitolongo@loja.example>"]


def test_repeated_fields_count_once_and_are_flagged() -> None:
    mail = sample("duplicate_headers")
    assert (mail.from_address, mail.subject) == ("primeira@correio.example", "primeiro assunto")
    assert mail.message_id == "<dup.1@correio.example>"
    assert [address for _, address in mail.to] == ["suporte@loja.example", "financeiro@loja.example"]
    assert mail.defects == ["from_repeated", "message_id_repeated"]


def test_empty_sender_is_flagged() -> None:
    mail = sample("empty_sender")
    assert (mail.from_name, mail.from_address, mail.message_id) == ("", "", "")
    assert mail.defects == ["from_unreadable", "message_id_missing"]


def test_sender_inside_one_encoded_word() -> None:
    mail = sample("sender_in_encoded_word")
    assert (mail.from_name, mail.from_address) == ("João", "joao@correio.example")


def test_encoded_words_add_no_line_and_no_recipient() -> None:  # A18
    mail = sample("header_injection_in_words")
    assert mail.to == [("Suporte, x@mal.example", "suporte@loja.example")]
    assert mail.subject == "Oi Bcc: vitima@mal.example fim"
    assert mail.from_address == "ana@correio.example"


def test_line_folded_without_blank_stays_in_its_field() -> None:
    mail = sample("broken_folding")
    assert mail.subject == "um assunto que o programa cortou sem recuo"
    assert (mail.text, mail.defects) == ("texto\n", ["header_broken"])


@pytest.mark.parametrize(
    ("name", "text", "defects"),
    [
        ("raw_8bit_latin1", 'A emissão está "travada" desde ontem à tarde.\n', ["charset_missing"]),
        ("raw_8bit_utf8", "A emissão está “travada” desde ontem à tarde.\n", []),
        ("charset_wrong_label", "Solicitação não atendida à época.\n", ["charset_wrong:utf-8"]),
        ("charset_unknown_label", "Solicitação não atendida.\n", ["charset_unknown:x-klingon"]),
        (
            "charset_ascii_but_dos_page",
            "Rejeição: inscrição não é válida na operação.\n",
            ["charset_missing"],
        ),
        ("charset_utf16_base64", "Olá, coração", []),
        ("charset_iso2022jp", "こんにちは\n", []),
        ("charset_utf7_refused", "+ADw-script+AD4-alert(1)+ADw-/script+AD4-", ["charset_refused:utf-7"]),
    ],
)
def test_charset_is_guessed_where_the_label_fails(name: str, text: str, defects: list[str]) -> None:
    mail = sample(name)
    assert (mail.text, mail.defects) == (text, defects)


def test_raw_8bit_header_is_guessed_alike() -> None:
    for name in ("raw_8bit_latin1", "raw_8bit_utf8"):
        mail = sample(name)
        assert mail.from_name == "João Gonçalves"
        assert mail.subject.startswith("Não consigo emitir a nota")
        assert mail.date == datetime(2025, 3, 17, 13, 0, tzinfo=UTC)  # one of them in Portuguese
    assert sample("charset_iso2022jp").from_name == "山田"


def test_file_names_in_every_encoding() -> None:
    assert [one.name for one in sample("file_names_encodings").attachments] == [
        "Relatório de prestação.pdf",
        "Nota Fiscal nº 12.pdf",
        "orçamento.pdf",
        "orçamento cru.pdf",
        "sem aspas 2025.pdf",
        "relatório.pdf",
        "attachment-7.pdf",
        "attachment-8.jpg",
    ]


def test_hostile_file_names_are_made_safe() -> None:  # A12, R-148
    names = [one.name for one in sample("file_names_hostile").attachments]
    long = names.pop(7)
    assert names == [
        "passwd",
        "nota.pdf",
        "nota.pdf",
        "htaccess",
        "fotogpj.exe",
        "a b X-Evil_ 1.pdf",
        "_CON.txt",
        "attachment-9.pdf",
        "_img src=x onerror=alert(1)_.png",
    ]
    assert len(long) == 150
    assert long.endswith("aaa.pdf")
