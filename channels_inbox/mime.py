"""Decides what a raw mail says (R-127): bytes in, facts out; no Django, no network, no bytes make it fail.

    mail = parse_email(raw)
    mail.from_address, mail.subject, mail.text, mail.attachments, mail.bounce

Each fact is worked out when first read. Where something cannot be understood the field is empty and
`mail.defects` says so; the caller keeps the raw bytes.
"""

import codecs
import logging
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from channels_inbox.mail import automatic, fields, limits
from channels_inbox.mail.addresses import Mailbox, field_mailboxes, parse_mailboxes, parse_one, valid_address
from channels_inbox.mail.bodies import Attachment, Body, read_attachments, read_body
from channels_inbox.mail.bounces import Bounce, Evidence, Report, read_report
from channels_inbox.mail.charsets import one_line
from channels_inbox.mail.fingerprints import fingerprint
from channels_inbox.mail.headers import Headers, split_headers
from channels_inbox.mail.parts import Part, read_parts
from channels_inbox.mail.plaintext import text_to_html

if TYPE_CHECKING:
    from channels_inbox.quoting import VisibleReply

__all__ = ["Attachment", "Bounce", "Mailbox", "ParsedEmail", "fingerprint", "parse_email"]

logger = logging.getLogger(__name__)
T = TypeVar("T")


def _no_date() -> datetime | None:
    return None


_FORWARD_SUBJECT = re.compile(r"\s*\[?(?:fwd?|enc|rv|tr|encaminhad[oa]|reenviad[oa]|i)\s*:", re.IGNORECASE)
_FORWARD_MARK = re.compile(
    r"^[-_ ]{5,30}\s*(?:forwarded message|mensagem (?:original )?(?:re)?encaminhada|mensaje reenviado)"
    r"|^(?:begin forwarded message|in[ií]cio da mensagem (?:reenviada|encaminhada)"
    r"|inicio del mensaje reenviado)\s*:",
    re.IGNORECASE | re.MULTILINE,
)
_LINE_BREAKS = re.compile(rb"\r(?!\n)")


def parse_email(raw: bytes) -> "ParsedEmail":
    """Read a mail of any bytes; never raises (RFC 5322, 2045 to 2049, and what mailers send instead)."""
    return ParsedEmail(raw)


def guarded(default: Callable[[], T]) -> Callable[[Callable[["ParsedEmail"], T]], "cached_property[T]"]:
    """Cached fact of a mail. An error of ours must not stop the queue: the fact is empty, flagged, logged."""

    def wrap(read: Callable[["ParsedEmail"], T]) -> "cached_property[T]":
        def fact(mail: "ParsedEmail") -> T:
            try:
                return read(mail)
            except Exception:
                logger.exception("A fact of a mail could not be read", extra={"fact": read.__name__})
                mail._flag(f"unreadable:{read.__name__}")
                return default()

        fact.__doc__ = read.__doc__
        return cached_property(fact)

    return wrap


class ParsedEmail:
    """What a mail says; mailboxes are (name, address), ids have their brackets, times are UTC."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._flags: list[str] = []

    def _flag(self, *defects: str) -> None:
        self._flags += [defect for defect in defects if defect not in self._flags]

    # -- structure -------------------------------------------------------

    @guarded(lambda: (Headers(), 0, b""))
    def _top(self) -> tuple[Headers, int, bytes]:
        raw = bytes(self.raw)
        if b"\n" not in raw:
            raw = _LINE_BREAKS.sub(b"\n", raw)  # line ends of long ago
        start = 0
        if raw.startswith(codecs.BOM_UTF8):
            start = len(codecs.BOM_UTF8)
        while raw.startswith((b"\n", b"\r\n"), start) and start < 1000:
            start += 1 if raw[start] == 10 else 2
        headers, body = split_headers(raw, start, len(raw))
        self._flag(*headers.defects, *([] if headers else ["no_header"]))
        return headers, body, raw

    @property
    def headers(self) -> Headers:
        return self._top[0]

    @guarded(lambda: Part(b"", Headers(), 0, 0))
    def _root(self) -> Part:
        headers, body, raw = self._top
        root, defects = read_parts(raw, headers, body)
        self._flag(*defects)
        return root

    @guarded(Body)
    def _body(self) -> Body:
        body = read_body(self._root)
        self._flag(*body.defects)
        return body

    @property
    def defects(self) -> list[str]:
        """What was wrong with the mail, in our short words (`charset_wrong:utf-8`); reads the whole mail."""
        for name in ("from_address", "to", "date", "message_id", "text", "attachments", "_report"):
            getattr(self, name)
        return list(self._flags)

    # -- header ----------------------------------------------------------

    @guarded(lambda: Mailbox("", ""))
    def _from(self) -> Mailbox:
        headers = self.headers
        found = parse_one(headers.literal("from"))
        if headers.count("from") > 1:
            self._flag("from_repeated")
        if len(parse_mailboxes(headers.literal("from"), most=2)) > 1:
            self._flag("from_several")
        if found.address:
            return found
        self._flag("from_missing" if "from" not in headers else "from_unreadable")
        other = (
            parse_one(headers.literal("sender")).address or parse_one(headers.literal("return-path")).address
        )
        return Mailbox(found.name, other)

    @property
    def from_address(self) -> str:
        """Address of the author, domain in lower case; '' when the mail names none."""
        return self._from.address

    @property
    def from_name(self) -> str:
        return self._from.name

    @guarded(lambda: Mailbox("", ""))
    def sender(self) -> Mailbox:
        """Who handed the mail in for the author; ('', '') when it does not say."""
        return parse_one(self.headers.literal("sender"))

    @guarded(list[Mailbox])
    def to(self) -> list[Mailbox]:
        return self._mailboxes("to")

    @guarded(list[Mailbox])
    def cc(self) -> list[Mailbox]:
        return self._mailboxes("cc")

    @guarded(list[Mailbox])
    def reply_to(self) -> list[Mailbox]:
        return self._mailboxes("reply-to")

    @guarded(list[str])
    def delivered_to(self) -> list[str]:
        """Addresses of Delivered-To, latest delivery first."""
        return self._addresses("delivered-to")

    @guarded(list[str])
    def x_original_to(self) -> list[str]:
        return self._addresses("x-original-to")

    @guarded(str)
    def subject(self) -> str:
        return self.headers.text("subject")[: limits.SUBJECT_CHARS].rstrip()

    @guarded(_no_date)
    def date(self) -> datetime | None:
        found = fields.sent_at(self.headers)
        if found is None:
            self._flag("date_unreadable" if "date" in self.headers else "date_missing")
        return found

    @guarded(str)
    def message_id(self) -> str:
        found = fields.message_id(self.headers)
        if not found:
            self._flag("message_id_missing")
        if self.headers.count("message-id") > 1:
            self._flag("message_id_repeated")
        return found

    @guarded(str)
    def in_reply_to(self) -> str:
        ids = fields.message_ids(self.headers.raw("in-reply-to")[: limits.FIELD_BYTES])
        return ids[0] if ids else ""

    @guarded(list[str])
    def references(self) -> list[str]:
        """Ids of the conversation, oldest first, at most `limits.REFERENCES`."""
        return fields.references(self.headers)

    @guarded(list[str])
    def authentication_results(self) -> list[str]:
        """Values of all Authentication-Results, topmost (the last server's) first; whom to trust: R-128."""
        return self.headers.literals("authentication-results")[:50]

    @guarded(bool)
    def null_return_path(self) -> bool:
        return automatic.has_null_return_path(self.headers)

    @guarded(bool)
    def is_list(self) -> bool:
        return automatic.is_list(self.headers)

    @guarded(bool)
    def suppresses_replies(self) -> bool:
        """The sender's program asks for no automatic text; the mail may still be a person's."""
        return automatic.suppresses_replies(self.headers)

    def _mailboxes(self, name: str) -> list[Mailbox]:
        found = field_mailboxes(self.headers, name)
        if len(found) >= limits.MAILBOXES:
            self._flag("too_many_recipients")
        return found

    def _addresses(self, name: str) -> list[str]:
        found = [valid_address(text) for text in self.headers.literals(name, most=1000)[:50]]
        return list(dict.fromkeys(address for address in found if address))

    # -- body ------------------------------------------------------------

    @property
    def text(self) -> str:
        """All text parts in their order; made from the HTML where there is no other text."""
        return self._body.text

    @property
    def html(self) -> str:
        """HTML as it came, for `safe_html` only; '' when the mail has none."""
        return self._body.html

    @guarded(list[Attachment])
    def attachments(self) -> list[Attachment]:
        body = self._body
        found = read_attachments(body)
        self._flag(*(defect for part in body.files for defect in part.defects))
        return found

    @guarded(bool)
    def is_forward(self) -> bool:
        """True when the mail passes on another one, so that what looks like a quote is its content."""
        if "x-forwarded-message-id" in self.headers or _FORWARD_SUBJECT.match(self.subject):
            return True
        return bool(_FORWARD_MARK.search(self.text[:5000])) and not self.in_reply_to

    @cached_property
    def safe_html(self) -> str:
        """The whole HTML, fit to stand on a page (A01); pictures by content id are left out, see `clean_html`."""
        return self.clean_html({})

    @cached_property
    def safe_reply_html(self) -> str:
        """The visible reply's HTML, fit to stand on a page; '' when the mail has no HTML."""
        return self._clean(self.visible_reply.html, {}) if self.html else ""

    def clean_html(self, cid_urls: Mapping[str, str]) -> str:
        """Cleaned HTML with inline pictures at the given urls; plain text when the cleaner cannot cope."""
        return self._clean(self.html, cid_urls)

    def _clean(self, html: str, cid_urls: Mapping[str, str]) -> str:
        from helpdesk.lib.html import clean_mail_html

        if not html:
            return ""
        try:
            return clean_mail_html(html, cid_urls=cid_urls).html
        except Exception:
            logger.exception("The HTML of a mail could not be cleaned")
            self._flag("unreadable:safe_html")
            return text_to_html(self.text)

    @cached_property
    def visible_reply(self) -> "VisibleReply":
        """What the author wrote now, without what he answers to; the whole text when that cannot be told."""
        from channels_inbox.quoting import VisibleReply, visible_reply

        text = "" if self._body.only_html else self.text
        try:
            return visible_reply(text=text, html=self.html, is_forward=self.is_forward)
        except Exception:
            logger.exception("The visible reply of a mail could not be found")
            self._flag("unreadable:visible_reply")
            return VisibleReply(text=self.text, html=self.html, quote_removed=False)

    # -- automatic mail and reports --------------------------------------

    @guarded(Report)
    def _report(self) -> Report:
        own = {box.address.lower() for box in (self._from, *self.to)} | {
            one.lower() for one in self.delivered_to
        }
        return read_report(
            Evidence(
                root=self._root,
                headers=self.headers,
                sender=self.from_address,
                sender_name=self.from_name,
                null_return_path=self.null_return_path,
                subject=self.subject,
                text=self.text,
                own=frozenset(own),
            )
        )

    @guarded(str)
    def auto_reason(self) -> str:
        """Why the mail is held to be automatic; '' for a person's.

        One of `bounce`, `delay`, `receipt`, `complaint`, `auto_replied`, `auto_generated`, `auto_reply`,
        `precedence`, `list`, `null_return_path`, `daemon`, `away`.
        """
        report = {"failed": "bounce", "delayed": "delay"}.get(self._report.kind, self._report.kind)
        declared = report or automatic.declared_automatic(self.headers)
        if declared:
            return declared
        if self.is_list:
            return "list"
        if self.null_return_path:
            return "null_return_path"
        if automatic.DAEMONS.match(self.from_address):
            return "daemon"
        return "away" if automatic.away_subject(self.headers, self.subject, self.text) else ""

    @property
    def is_auto_reply(self) -> bool:
        """True for mail no person wrote to us: never acknowledged, reopens nothing (R-129)."""
        return bool(self.auto_reason)

    @property
    def is_bounce(self) -> bool:
        """True for a final failure only."""
        return self._report.kind == "failed"

    @property
    def bounce(self) -> Bounce | None:
        return self._report.bounce

    @property
    def is_delay(self) -> bool:
        return self._report.kind == "delayed"

    @property
    def is_receipt(self) -> bool:
        """A read receipt, or word that a mail was delivered."""
        return self._report.kind == "receipt"

    @property
    def is_complaint(self) -> bool:
        """An abuse report (RFC 5965)."""
        return self._report.kind == "complaint"

    def __getstate__(self) -> dict[str, Any]:
        return {"raw": self.raw, "_flags": []}

    def __repr__(self) -> str:
        return f"<ParsedEmail {one_line(self.message_id)!r} {len(self.raw)} bytes>"
