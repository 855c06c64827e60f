"""Programs are told from people (R-129, RFC 3834, A23)."""

import pytest

from channels_inbox.mime import parse_email


def reason(fields: str, *, subject: str = "Pedido 12", text: str = "Bom dia.") -> str:
    return parse_email(
        f"From: ana@correio.example\nSubject: {subject}\n{fields}\n\n{text}\n".encode()
    ).auto_reason


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("Auto-Submitted: auto-replied", "auto_replied"),
        ("Auto-Submitted: AUTO-GENERATED; owner-email=x@y.example", "auto_generated"),
        ("Auto-Submitted: auto-replied (vacation)", "auto_replied"),
        ("Precedence: bulk", "precedence"),
        ("Precedence: junk", "precedence"),
        ("Precedence: list", "list"),
        ("Precedence: auto_reply", "auto_reply"),
        ("X-Autoreply: yes", "auto_reply"),
        ("X-Autorespond: x", "auto_reply"),
        ("X-POST-MessageClass: 9; Autoresponder", "auto_reply"),
        ("List-Id: <a.example>", "list"),
        ("List-Unsubscribe: <https://a.example/u>", "list"),
        ("Return-Path: <>", "null_return_path"),
        ("Return-Path: < >", "null_return_path"),
    ],
)
def test_field_tells_a_program(fields: str, expected: str) -> None:
    assert reason(fields) == expected


@pytest.mark.parametrize(
    "fields",
    [
        "Auto-Submitted: no",
        "Auto-Submitted: No (a person)",
        "Precedence: first-class",
        "X-Autoreply: no",
        "X-Autoreply:",
        "X-Auto-Response-Suppress: DR, OOF, AutoReply",
        "X-Auto-Response-Suppress: All",
        "Return-Path: <ana@correio.example>",
        "X-Loop: a",
        "Importance: high",
        "X-MS-Exchange-Inbox-Rules-Loop: ana@correio.example",
    ],
)
def test_field_of_ordinary_mail_tells_nothing(fields: str) -> None:
    assert reason(fields) == ""


@pytest.mark.parametrize(
    "subject",
    [
        "Resposta automática: Pedido 12",
        "RESPOSTA AUTOMÁTICA: Pedido 12",
        "Resposta automatica - Pedido",
        "[Resposta automática] Pedido 12",
        "Automatic reply: Order 12",
        "Auto-Reply: Order 12",
        "Autoreply: Order",
        "Out of Office AutoReply: Order",
        "Respuesta automática: Pedido",
        "Réponse automatique : Commande",
        "Auto Response: Order",
    ],
)
def test_subject_of_a_vacation_program(subject: str) -> None:
    assert reason("", subject=subject) == "away"


@pytest.mark.parametrize(
    "subject",
    [
        "Fora do escritório: Pedido 12",
        "Out of office: Order 12",
        "Fuera de la oficina",
        "Aviso de férias",
        "Ausência temporária: Pedido",
    ],
)
def test_likely_subject_needs_a_second_sign(subject: str) -> None:
    assert reason("", subject=subject) == ""
    assert reason("In-Reply-To: <a@loja.example>", subject=subject) == "away"
    assert reason("X-Auto-Response-Suppress: All", subject=subject) == "away"
    assert reason("", subject=subject, text="Estou de férias até o dia 3.") == "away"


@pytest.mark.parametrize(
    "subject",
    [
        "Férias do Paulo: quem assina a nota?",
        "Férias coletivas",
        "Férias: quem cobre o Paulo?",
        "Out of office hours support",
        "Resposta automática do sistema não chega",
        "Resposta automática: como desligar?",
        "Automatic reply not working",
        "Re: falha na entrega do boleto",
        "Não foi possível entregar o pedido 12",
        "Mensagem não entregue: o que faço?",
        "Vacaciones de Ana",
        "Re: Resposta automática: Pedido 12",
        "Mail delivery failed para o cliente",
        "Fora do escritório: como acesso o sistema?",
        "Undelivered mail returned to sender - ajuda",
        "Ausente: o menu de relatórios",
    ],
)
def test_person_who_writes_about_it_is_a_person(subject: str) -> None:
    for fields in ("", "In-Reply-To: <a@loja.example>"):
        if fields and subject.startswith(("Resposta automática: ", "Fora do escritório: ")):
            continue  # in answer to our mail, and in exactly the program's form
        assert reason(fields, subject=subject, text="Podem ajudar? O Paulo está de férias.") == ""


def test_daemon_is_a_program_even_without_a_report() -> None:
    mail = parse_email(b"From: MAILER-DAEMON@mx.example\nSubject: aviso\n\nok\n")
    assert (mail.auto_reason, mail.is_bounce) == ("daemon", False)
