"""Decides whether a mail reports a failed delivery, of what, and to whom (RFC 3464 and older shapes).

A report needs a sign that a machine wrote it (report part, daemon, null return path, X-Failed-Recipients):
words alone never make one, since people write about failed deliveries too. Delays and receipts are none.
"""

import re
from dataclasses import dataclass, replace
from functools import cached_property

from channels_inbox.mail import bounce_words, limits
from channels_inbox.mail.addresses import parse_mailboxes, valid_address
from channels_inbox.mail.automatic import looks_like_absence
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
_DIAGNOSTIC_TYPE = re.compile(r"^[A-Za-z0-9-]{1,30}\s*;\s*")
_DAEMON_NAMES = re.compile(
    r"mail(?:er)?[ -]?(?:delivery )?(?:sub)?(?:system|daemon)|mail delivery|delivery (?:sub)?system"
    r"|postmaster|microsoft outlook|sistema de entrega|servi[cç]o de (?:entrega|e-?mail)",
    re.IGNORECASE,
)
_DAEMONS = re.compile(
    r"(?:mailer[-_.]?daemon|mail[-_.]?daemon|mdaemon|microsoftexchange[0-9a-f]{8,40}|maildelivery"
    r"|mail-?delivery-?s(?:ub)?system|bounces?)(?:[-+=_.][^@]*)?@",
    re.IGNORECASE,
)
_NO_FAILURES = {"delayed": "delayed", "delivered": "receipt", "relayed": "receipt", "expanded": "receipt"}


@dataclass(frozen=True)
class Bounce:
    """A failed delivery: whom it missed, enhanced status (`5.1.1`), what the server said, which mail."""

    recipient: str = ""
    status: str = ""
    action: str = ""
    diagnostic: str = ""
    original_message_id: str = ""
    original_references: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """What a machine says of a mail: kind is '', `failed`, `delayed`, `receipt` or `complaint`."""

    kind: str = ""
    bounce: Bounce | None = None


@dataclass(frozen=True)
class Evidence:
    """What a report is judged by. `own`: addresses, in lower case, which the mail names as From and To."""

    root: Part
    headers: Headers
    sender: str
    sender_name: str
    null_return_path: bool
    subject: str
    text: str
    own: frozenset[str]

    @cached_property
    def leaves(self) -> list[Part]:
        return walk_leaves(self.root)

    @cached_property
    def words(self) -> str:
        return bounce_words.machine_words(self.text)

    @cached_property
    def from_daemon(self) -> bool:
        return bool(_DAEMONS.match(self.sender)) or (
            not self.sender and bool(_DAEMON_NAMES.search(self.sender_name[:100]))
        )

    @cached_property
    def is_report(self) -> bool:
        return self.root.content_type in ("multipart/report", *_STATUS_TYPES)

    @cached_property
    def from_machine(self) -> bool:
        """Strong signs only: Auto-Submitted alone also stands in the answers of vacation programs."""
        return (
            self.is_report
            or self.from_daemon
            or self.null_return_path
            or "x-failed-recipients" in self.headers
            or self.sender.lower().startswith("postmaster@")
        )

    @cached_property
    def returned(self) -> Headers | None:
        """Header of the returned mail, from whichever part carries it."""
        for leaf in self.leaves:
            if leaf.content_type in _NESTED_TYPES:
                data = leaf.decode()[: limits.HEADER_BYTES].lstrip(b"\r\n")
                headers, _ = split_headers(data, 0, len(data))
                if headers:
                    return headers
        return None


def read_report(evidence: Evidence) -> Report:
    """The report in a mail; kind '' for everything else."""
    if not evidence.from_machine and evidence.headers.token("auto-submitted") in ("", "no"):
        return Report()
    kinds = {leaf.content_type for leaf in evidence.leaves}
    report_type = evidence.root.parameters.get("report-type", "").lower()
    if report_type == "disposition-notification" or "message/disposition-notification" in kinds:
        return Report("receipt")
    if report_type == "feedback-report" or "message/feedback-report" in kinds:
        return Report("complaint", Bounce(original_message_id=_original_id(evidence)))
    status = next((leaf for leaf in evidence.leaves if leaf.content_type in _STATUS_TYPES), None)
    found = _read_status(status) if status else Bounce()
    if found.action or found.status:
        return _judge_status(found, evidence)
    return _judge_words(found, evidence) if evidence.from_machine else Report()


def _judge_status(found: Bounce, evidence: Evidence) -> Report:
    action = found.action or {"4": "delayed", "2": "delivered"}.get(found.status[:1], "failed")
    if action in _NO_FAILURES:
        return Report(_NO_FAILURES[action])
    return Report("failed", _complete(found, evidence))


def _judge_words(found: Bounce, evidence: Evidence) -> Report:
    """A report without a status part: its words decide."""
    said = f"{evidence.subject}\n{evidence.words}"
    by_header = "x-failed-recipients" in evidence.headers
    if bounce_words.says_delayed(said) and not (by_header and bounce_words.says_failed(evidence.subject)):
        return Report("delayed")
    if not by_header and not bounce_words.says_failed(said):
        return Report()
    bounce = _complete(found, evidence)
    if by_header or evidence.from_daemon or evidence.is_report:
        return Report("failed", bounce)
    # A postmaster may be a person, and vacation programs leave the return path empty as well.
    proven = bool(bounce.recipient or bounce.status) and not looks_like_absence(evidence.subject)
    return Report("failed", bounce) if proven else Report()


def _complete(found: Bounce, evidence: Evidence) -> Bounce:
    """Fill from the words what the fields left open."""
    return Bounce(
        recipient=found.recipient or _failed_recipient(evidence),
        status=found.status or bounce_words.status_in(evidence.words),
        action="failed",
        diagnostic=found.diagnostic or bounce_words.diagnostic_in(evidence.words),
        original_message_id=found.original_message_id or _original_id(evidence),
        original_references=_original_references(evidence),
    )


def _read_status(part: Part) -> Bounce:
    """Fields of a delivery status part: of its recipients the first that failed, else the first."""
    data = part.decode()[: limits.REPORT_BYTES].replace(b"\r\n", b"\n").strip(b"\n") + b"\n"
    found: list[Bounce] = []
    original = ""
    at = 0
    while at < len(data) and len(found) < limits.MAILBOXES:
        block, following = split_headers(data, at, len(data))
        at = max(following, at + 1)
        for name in ("x-original-message-id", "original-message-id"):
            original = original or next(iter(message_ids(block.raw(name)[:2000])), "")
        if any(name in block for name in ("final-recipient", "original-recipient", "action")):
            found.append(_read_recipient(block))
    failed = next((one for one in found if one.action == "failed"), found[0] if found else Bounce())
    return replace(failed, original_message_id=original)


def _read_recipient(block: Headers) -> Bounce:
    # The original recipient is the one we wrote to; the final one may be where he forwards his mail.
    names = ("original-recipient", "final-recipient", "x-actual-recipient")
    recipients = [_typed_address(block.literal(name, most=2000)) for name in names]
    status = bounce_words.STATUS.search(block.literal("status", most=2000))
    diagnostic = _DIAGNOSTIC_TYPE.sub("", decode_words(block.literal("diagnostic-code", most=8000)))
    return Bounce(
        recipient=next((one for one in recipients if one), ""),
        status=status.group(1) if status else "",
        action=block.token("action"),
        diagnostic=" ".join(diagnostic.split())[: limits.DIAGNOSTIC_CHARS],
    )


def _typed_address(text: str) -> str:
    """The address of `rfc822; ana@loja.example`, with what mail servers put around it."""
    address = text.partition(";")[2] or text
    found = valid_address(address.replace(" ", ""))
    return found or next((box.address for box in parse_mailboxes(address, most=1)), "")


def _failed_recipient(evidence: Evidence) -> str:
    for failed in parse_mailboxes(evidence.headers.literal("x-failed-recipients"), most=5):
        return failed.address
    sent_to = parse_mailboxes(evidence.returned.literal("to"), most=50) if evidence.returned else []
    known = [box.address for box in sent_to]
    named = [
        address
        for address in bounce_words.addresses_in(evidence.words)
        if address.lower() not in evidence.own and not _DAEMONS.match(address)
    ]
    return next((address for address in named if address in known), "") or next(iter(named + known), "")


def _original_id(evidence: Evidence) -> str:
    """Id of the mail a report is about: from the returned header, the text, or what the report answers."""
    if evidence.returned and (found := message_id(evidence.returned)):
        return found
    own_id = message_id(evidence.headers)
    texts = [
        evidence.text,
        *(_leaf_text(leaf) for leaf in evidence.leaves if leaf.content_type == "text/plain"),
    ]
    for found in bounce_words.MESSAGE_ID.findall("\n".join(texts)):
        if found != own_id:
            return one_line(found)
    for name in ("in-reply-to", "references", "x-original-message-id"):
        ids = message_ids(evidence.headers.raw(name)[: limits.FIELD_BYTES])
        if ids:
            return ids[-1]
    return ""


def _original_references(evidence: Evidence) -> tuple[str, ...]:
    """What the returned mail answered, nearest first: the way to its conversation when its own id is unknown."""
    if evidence.returned is None:
        return ()
    found: list[str] = []
    for name in ("in-reply-to", "references"):
        found += reversed(message_ids(evidence.returned.raw(name)[: limits.FIELD_BYTES]))
    return tuple(dict.fromkeys(found))[:20]


def _leaf_text(leaf: Part) -> str:
    return storable(decode_text(leaf.decode()[: limits.EVIDENCE_CHARS])[0])
