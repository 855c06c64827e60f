"""Decides how mail handed to the local SMTP port is taken: for our addresses only, and 250 only after the commit."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError, connections

from channels_inbox.adapters.email import mail_envelope
from channels_inbox.inbox import store
from channels_inbox.mailbox_ids import base_address
from channels_inbox.models import Channel

logger = logging.getLogger(__name__)
LONGEST_LINE = 1_000_000  # of programs that never break a line; the parser copes
AWAY = "451 4.3.0 The help desk cannot store mail at the moment, try again later"
UNKNOWN = "550 5.1.1 This address is none of the help desk's mailboxes"
STORED = "250 2.0.0 Stored"


class Receiver:
    """aiosmtpd's handler: one stored row for each channel a mail is addressed to."""

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept an address of ours, tagged or not; refuse any other with a sentence."""
        try:
            channel = await _ask_database(find_channel, address)
        except DatabaseError:
            logger.exception("the database did not answer at RCPT")
            return AWAY
        if channel is None:
            return UNKNOWN
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 Recipient ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Store, commit, then answer; anything that stops the commit asks the sender to come again."""
        try:
            sender = (envelope.mail_from or "").strip("<>")
            await _ask_database(take, envelope.content or b"", sender=sender, recipients=envelope.rcpt_tos)
        except Exception:
            logger.exception("a mail could not be stored; its sender was asked to come again")
            return AWAY
        return STORED


async def _ask_database(work: Callable[..., Any], *words: Any, **named: Any) -> Any:
    """Run a function of ours on a thread, with a connection of its own that is closed afterwards."""

    def run() -> Any:
        try:
            return work(*words, **named)
        finally:
            connections.close_all()

    return await sync_to_async(run)()


def find_channel(address: str) -> Channel | None:
    """Return the mail channel an address belongs to, without its signed tag; None when it is none of ours."""
    wanted = base_address(address.lower())
    return Channel.objects.filter(kind="email", enabled=True, address__iexact=wanted).order_by("id").first()


def take(content: bytes | str, *, sender: str, recipients: Iterable[str]) -> int:
    """Store one mail for every channel among its recipients; return how many rows are new.

    Only `Return-Path` and `Delivered-To` are added; they carry the envelope and leave the fingerprint as it is.
    """
    raw = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else bytes(content)
    addressed: dict[Channel, list[str]] = defaultdict(list)
    for recipient in recipients:
        channel = find_channel(recipient)
        if channel is not None:
            addressed[channel].append(recipient)
    new = 0
    for channel, names in addressed.items():
        new += store(channel, [mail_envelope(with_envelope(raw, sender=sender, recipients=names))])
    return new


def with_envelope(raw: bytes, *, sender: str | None, recipients: Iterable[str]) -> bytes:
    """Return the mail with what its envelope said on top, one line each (A18); `sender` None: not known."""
    lines = [] if sender is None else [f"Return-Path: <{_one_line(sender)}>"]
    lines += [f"Delivered-To: {_one_line(recipient)}" for recipient in recipients]
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8", "surrogateescape") + raw


def _one_line(address: str) -> str:
    return "".join(c for c in address if c.isprintable() or "\udc80" <= c <= "\udcff")[:500]


class _Server(SMTP):
    line_length_limit = LONGEST_LINE


class ReceiverController(Controller):
    """The receiver on its own thread; `start()` and `stop()` as in aiosmtpd."""

    def __init__(self, *, host: str, port: int) -> None:
        super().__init__(Receiver(), hostname=host, port=port)

    def factory(self) -> SMTP:
        return _Server(
            self.handler,
            data_size_limit=settings.MAX_MAIL_BYTES,
            enable_SMTPUTF8=True,
            hostname=settings.MAIL_DOMAIN,
            ident="Presteza",
            loop=self.loop,
        )
