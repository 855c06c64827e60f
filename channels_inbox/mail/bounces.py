"""Decides whether a mail reports a failed delivery, of what, and to whom (RFC 3464, and the shapes from before it).

A report needs a sign that a machine wrote it (report part, daemon, null return path, X-Failed-Recipients);
words alone never make one, since people write about failed deliveries too. Delays and receipts are no failures.
"""

import re
from dataclasses import dataclass, replace

from channels_inbox.mail import limits
from channels_inbox.mail.addresses import parse_mailboxes, valid_address
from channels_inbox.mail.charsets import decode_text, one_line, storable
from channels_inbox.mail.fields import message_id, message_ids
from channels_inbox.mail.headers import Headers, decode_words, split_headers
from channels_inbox.mail.parts import Part, walk_leaves

_STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
_NESTED_TYPES = (
    "message/rfc822",
    "message/global",
    "text/rfc822-headers",
    "message/rfc822-headers",
    "message/global-headers",
    "message/partial",
)
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_REPLY_CODE = re.compile(r"(?<![\d.,:-])(?:SMTP[^\n]{0,60}?)?\b([45]\d\d)[ -](?=\S)")
_ADDRESS = re.compile(r"[A-Za-z0-9._%+=&'*/!#$?^`{|}~-]{1,64}@[A-Za-z0-9.-]{1,190}[A-Za-z0-9]")
_TEXT_ID = re.compile(r"^[\s>|*]{0,20}Message-ID:\s{0,20}(<[^<>\s]{1,900}>)", re.IGNORECASE | re.MULTILINE)
_FAILED_WORDS = re.compile(
    r"qmail-send program|could not be delivered|couldn['’]t be delivered|was(?:n['’]t| not) delivered"
    r"|unable to deliver|delivery (?:has |to [^\n]{0,200})?failed|undeliver(?:able|ed)|returned (?:mail|to sender)"
    r"|did not reach (?:some or all|the following)|address not found|failure notice|delivery (?:status notification"
    r"(?: \(failure\))?|failure)|mail delivery (?:failed|failure)|permanent(?:ly)? (?:fatal )?(?:error|failure|failed)"
    r"|recipient (?:address )?rejected|user unknown|no such user|mailbox (?:unavailable|full|not found)"
    r"|n[aã]o (?:foi|[eé]) poss[ií]vel entregar|n[aã]o p[oôu]de ser entregue|n[aã]o (?:foi|p[oô]de ser) entregue"
    r"|falha (?:na|de|no) (?:entrega|envio)|mensagem n[aã]o entregue|mensagem devolvida|e-?mail devolvido"
    r"|devolvida ao remetente|retornou ao remetente|entrega (?:da mensagem )?falhou|falhou a entrega|endere[cç]o n[aã]o (?:foi )?encontrado"
    r"|(?:usu[aá]rio|destinat[aá]rio|caixa postal) (?:desconhecid[oa]|inexistente|n[aã]o existe|n[aã]o encontrad[oa]|chei[oa])"
    r"|no (?:se )?(?:ha podido|pudo|pudimos) entregar|no se ha entregado|error (?:de|en la) entrega|no (?:se )?entregado"
    r"|direcci[oó]n no encontrada",
    re.IGNORECASE,
)
_DELAY_WORDS = re.compile(
    r"\(delay(?:ed)?\)|this is a warning message only|delivery (?:is |has been |was )?(?:temporarily )?(?:delayed|suspended)"
    r"|delayed mail|still (?:being )?(?:undelivered|trying|retr)|will (?:continue|keep) (?:to )?(?:try|be retried|trying|retry)"
    r"|not yet been delivered|has not been delivered yet|entrega (?:est[aá] )?(?:atrasada|adiada|retrasada)"
    r"|ainda n[aã]o foi entregue|continuar[aá](?:o)? (?:tentando|sendo|a tentar)|novas tentativas|seguir[aá] intent[aá]ndo"
    r"|mensagem atrasada|atraso na entrega|retraso en la entrega",
    re.IGNORECASE,
)
_DAEMON_NAMES = re.compile(
    r"mail(?:er)?[ -]?(?:delivery )?(?:sub)?(?:system|daemon)|mail delivery|delivery (?:sub)?system|postmaster"
    r"|microsoft outlook|sistema de entrega|servi[cç]o de (?:entrega|e-?mail)|administrador d[oe] (?:sistema|e-?mail)",
    re.IGNORECASE,
)
_DAEMON_LOCALS = re.compile(
    r"(?:mailer[-_.]?daemon|mail[-_.]?daemon|postmaster|mdaemon|microsoftexchange[0-9a-f]{8,40}"
    r"|maildelivery|mail-?delivery-?s(?:ub)?system|bounces?)(?:[-+=_.][^@]*)?@",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Bounce:
    """A failed delivery: whom it did not reach, enhanced status (`5.1.1`), action, what the server said, which mail."""

    recipient: str = ""
    status: str = ""
    action: str = ""
    diagnostic: str = ""
    original_message_id: str = ""


@dataclass(frozen=True)
class Report:
    """What a machine says of a mail: kind is '', `failed`, `delayed`, `receipt` or `complaint`."""

    kind: str = ""
    bounce: Bounce | None = None


def read_report(
    root: Part,
    headers: Headers,
    *,
    sender: str,
    sender_name: str,
    null_return_path: bool,
    subject: str,
    text: str,
    own: frozenset[str],
) -> Report:
    """The report in a mail, if any. `own`: addresses which the mail itself was sent from and to."""
    leaves = walk_leaves(root)
    report_type = root.parameters.get("report-type", "").lower()
    daemon = bool(_DAEMON_LOCALS.match(sender)) or bool(
        _DAEMON_NAMES.search(sender_name[:100]) and not sender
    )
    machine = (
        root.content_type == "multipart/report"
        or null_return_path
        or daemon
        or "x-failed-recipients" in headers
        or headers.token("auto-submitted") not in ("", "no")
    )
    if not machine and root.content_type not in _STATUS_TYPES:
        return Report()
    kinds = {leaf.content_type for leaf in leaves}
    if report_type == "disposition-notification" or "message/disposition-notification" in kinds:
        return Report("receipt")
    if report_type == "feedback-report" or "message/feedback-report" in kinds:
        return Report("complaint", Bounce(original_message_id=_original_id(leaves, headers, "")))
    status = next((leaf for leaf in leaves if leaf.content_type in _STATUS_TYPES), None)
    found = _read_status(status) if status else Bounce()
    strong = (
        daemon
        or null_return_path
        or root.content_type == "multipart/report"
        or "x-failed-recipients" in headers
    )
    if not found.action and not found.status:
        if not strong:
            return Report()
        return _read_words(leaves, headers, found, subject=subject, text=text, own=own)
    return _conclude(found, leaves, headers, text=text, own=own)


def _conclude(
    found: Bounce, leaves: list[Part], headers: Headers, *, text: str, own: frozenset[str]
) -> Report:
    action = found.action or {"4": "delayed", "2": "delivered"}.get(found.status[:1], "failed")
    if action == "delayed":
        return Report("delayed")
    if action in ("delivered", "relayed", "expanded"):
        return Report("receipt")
    recipient = found.recipient or _failed_recipient(leaves, headers, text, own)
    return Report(
        "failed",
        replace(
            found,
            action="failed",
            recipient=recipient,
            diagnostic=found.diagnostic or _diagnostic(text),
            original_message_id=found.original_message_id or _original_id(leaves, headers, text),
        ),
    )


def _read_words(
    leaves: list[Part], headers: Headers, found: Bounce, *, subject: str, text: str, own: frozenset[str]
) -> Report:
    """A report without a status part: its words decide."""
    evidence = f"{subject}\n{text[: limits.EVIDENCE_CHARS]}"
    failed_by_header = "x-failed-recipients" in headers
    if _DELAY_WORDS.search(evidence) and not (failed_by_header and _FAILED_WORDS.search(subject)):
        return Report("delayed")
    if not failed_by_header and not _FAILED_WORDS.search(evidence):
        return Report()
    said = text[: limits.EVIDENCE_CHARS]
    status = _STATUS.search(said)
    return Report(
        "failed",
        Bounce(
            recipient=found.recipient or _failed_recipient(leaves, headers, said, own),
            status=status.group(1) if status and status.group(1)[0] in "45" else "",
            action="failed",
            diagnostic=found.diagnostic or _diagnostic(said),
            original_message_id=found.original_message_id or _original_id(leaves, headers, text),
        ),
    )


def _read_status(part: Part) -> Bounce:
    """Fields of a delivery status part: of its recipients the first that failed, else the first."""
    data = part.decode()[: limits.REPORT_BYTES].replace(b"\r\n", b"\n").strip(b"\n") + b"\n"
    blocks: list[Headers] = []
    at = 0
    while at < len(data) and len(blocks) < limits.MAILBOXES:
        headers, following = split_headers(data, at, len(data))
        if headers:
            blocks.append(headers)
        at = max(following, at + 1)
    named = [
        block
        for block in blocks
        if "final-recipient" in block or "original-recipient" in block or "action" in block
    ]
    original = next(
        (
            ids[0]
            for block in blocks
            for name in ("x-original-message-id", "original-message-id")
            if (ids := message_ids(block.raw(name)[:2000]))
        ),
        "",
    )
    candidates = [_read_recipient(block) for block in named]
    first = next((one for one in candidates if one.action == "failed"), None)
    found = first or (candidates[0] if candidates else Bounce())
    return replace(found, original_message_id=original)


def _read_recipient(block: Headers) -> Bounce:
    recipients = [
        _typed_address(block.literal(name, most=2000))
        for name in ("original-recipient", "final-recipient", "x-actual-recipient")
    ]
    status = _STATUS.search(block.literal("status", most=2000))
    diagnostic = decode_words(block.literal("diagnostic-code", most=8000))
    return Bounce(
        recipient=next((one for one in recipients if one), ""),
        status=status.group(1) if status else "",
        action=block.token("action"),
        diagnostic=re.sub(r"^[A-Za-z0-9-]{1,30}\s*;\s*", "", diagnostic)[: limits.DIAGNOSTIC_CHARS],
    )


def _typed_address(text: str) -> str:
    """`rfc822; ana@loja.example`, with what MTAs put around it."""
    address = text.partition(";")[2] or text
    found = valid_address(address.replace(" ", ""))
    if found:
        return found
    boxes = parse_mailboxes(address, most=1)
    return boxes[0].address if boxes else ""


def _failed_recipient(leaves: list[Part], headers: Headers, text: str, own: frozenset[str]) -> str:
    for failed in parse_mailboxes(headers.literal("x-failed-recipients"), most=5):
        return failed.address
    nested = _nested_headers(leaves)
    sent_to = [box.address for box in parse_mailboxes(nested.literal("to"), most=50)] if nested else []
    named = [valid_address(found) for found in _ADDRESS.findall(text[: limits.EVIDENCE_CHARS])]
    named = [one for one in named if one and one.lower() not in own and not _DAEMON_LOCALS.match(one)]
    for address in named:
        if address in sent_to:
            return address
    return (named or sent_to or [""])[0]


def _nested_headers(leaves: list[Part]) -> Headers | None:
    """Header of the returned mail, from whichever part carries it."""
    for leaf in leaves:
        if leaf.content_type in _NESTED_TYPES:
            data = leaf.decode()[: limits.HEADER_BYTES].lstrip(b"\r\n")
            headers, _ = split_headers(data, 0, len(data))
            if headers:
                return headers
    return None


def _original_id(leaves: list[Part], headers: Headers, text: str) -> str:
    nested = _nested_headers(leaves)
    if nested and (found := message_id(nested)):
        return found
    own_id = message_id(headers)
    for leaf in leaves[1:]:
        if leaf.content_type == "text/plain":
            text += "\n" + storable(decode_text(leaf.decode()[: limits.EVIDENCE_CHARS])[0])
    for found in _TEXT_ID.findall(text):
        if found != own_id:
            return one_line(found)
    for name in ("in-reply-to", "references", "x-original-message-id"):
        ids = message_ids(headers.raw(name)[: limits.FIELD_BYTES])
        if ids:
            return ids[-1]
    return ""


def _diagnostic(text: str) -> str:
    """The line in which the far server speaks."""
    lines = text[: limits.EVIDENCE_CHARS].split("\n")
    for line in lines:
        if _REPLY_CODE.search(line[:400]) or _STATUS.search(line[:400]):
            return one_line(line)[: limits.DIAGNOSTIC_CHARS]
    return ""
