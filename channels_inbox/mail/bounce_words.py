"""Decides what the words of a delivery report mean where no field says it: English, Portuguese, Spanish."""

import re

from channels_inbox.mail import limits
from channels_inbox.mail.addresses import valid_address
from channels_inbox.mail.charsets import one_line

STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_REPLY_CODE = re.compile(r"(?<![\d.,:/-])[45]\d\d[ -](?=\S)")
_ADDRESS = re.compile(r"[A-Za-z0-9._%+=&'*/!#$?^`{|}~-]{1,64}@[A-Za-z0-9.-]{1,190}[A-Za-z0-9]")
MESSAGE_ID = re.compile(r"^[\s>|*]{0,20}Message-ID:\s{0,20}(<[^<>\s]{1,900}>)", re.IGNORECASE | re.MULTILINE)
# What follows such a line is the returned mail: our own words, no evidence.
_COPY = re.compile(
    r"^[-_=* ]{2,20}[^\n]{0,40}(?:copy of|below this line|original message|returned message|message header"
    r"|c[oó]pia da|mensagem original|mensaje original|unsent message)|^Return-Path:",
    re.IGNORECASE | re.MULTILINE,
)
_FAILED = re.compile(
    r"qmail-send program|could not be delivered|couldn['’]t be delivered|was(?:n['’]t| not) delivered"
    r"|unable to deliver|delivery (?:has |to [^\n]{0,200})?failed|undeliver(?:able|ed)"
    r"|returned (?:mail|to sender)|did not reach (?:some or all|the following)|address not found"
    r"|failure notice|delivery (?:status notification(?: \(failure\))?|failure)"
    r"|mail delivery (?:failed|failure)|permanent(?:ly)? (?:fatal )?(?:error|failure|failed)"
    r"|recipient (?:address )?rejected|user unknown|no such user|mailbox (?:unavailable|full|not found)"
    r"|n[aã]o (?:foi|[eé]) poss[ií]vel (?:a )?entreg(?:ar|a)|n[aã]o p[oôu]de ser entregue"
    r"|n[aã]o (?:foi|p[oô]de ser) entregue|n[aã]o conseguimos entregar|imposs[ií]vel entregar"
    r"|falha (?:na|de|no) (?:entrega|envio)|mensagem (?:n[aã]o entregue|devolvida)|e-?mail devolvido"
    r"|devolvida ao remetente|retornou ao remetente|entrega (?:da mensagem )?falhou|falhou a entrega"
    r"|a entrega falhou|falha ao entregar|endere[cç]o n[aã]o (?:foi )?encontrado"
    r"|(?:usu[aá]rio|destinat[aá]rio|caixa postal|conta) (?:desconhecid[oa]|inexistente|n[aã]o existe"
    r"|n[aã]o encontrad[oa]|chei[oa])|no (?:se )?(?:ha podido|pudo|pudimos) entregar|no se ha entregado"
    r"|error (?:de|en la) entrega|no (?:se )?entregado|direcci[oó]n no encontrada",
    re.IGNORECASE,
)
_FINAL = re.compile(r"permanent|g(?:iven|iving) up|desisti|definitiv|permanente", re.IGNORECASE)
_DELAYED = re.compile(
    r"\(delay(?:ed)?\)|this is a warning (?:message )?only|delayed mail|not yet been delivered"
    r"|delivery (?:is |has been |was )?(?:temporarily )?(?:delayed|suspended)"
    r"|still (?:being )?(?:undelivered|trying|retr)|has not been delivered yet"
    r"|will (?:continue|keep|be) (?:to )?(?:try|be retried|retried|trying|retry)"
    r"|entrega (?:est[aá] )?(?:atrasada|adiada|retrasada)|ainda n[aã]o (?:foi|p[oô]de ser) entregue"
    r"|continuar(?:[aá]|[aã]o|emos) (?:tentando|sendo|a tentar)|novas tentativas"
    r"|seguir[aá] intent[aá]ndo|mensagem atrasada|atraso na entrega|retraso en la entrega",
    re.IGNORECASE,
)


def machine_words(text: str) -> str:
    """The part of a report which its machine wrote, without the mail it returns."""
    text = text[: limits.EVIDENCE_CHARS]
    copy = _COPY.search(text)
    return text[: copy.start()] if copy else text


def says_failed(words: str) -> bool:
    return bool(_FAILED.search(words))


def says_delayed(words: str) -> bool:
    """A delay says it too: `could not be delivered for 4 hours, will be retried`."""
    return bool(_DELAYED.search(words)) and not _FINAL.search(words)


def status_in(words: str) -> str:
    """Enhanced status of a failure, such as `5.1.1`, or ''."""
    return next((found for found in STATUS.findall(words) if found[0] in "45"), "")


def addresses_in(words: str) -> list[str]:
    return [address for found in _ADDRESS.findall(words) if (address := valid_address(found))]


def diagnostic_in(words: str) -> str:
    """The line in which the far server speaks, or ''."""
    for line in words.split("\n"):
        if _REPLY_CODE.search(line[:400]) or STATUS.search(line[:400]):
            return one_line(line)[: limits.DIAGNOSTIC_CHARS]
    return ""
