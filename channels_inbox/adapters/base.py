"""Decides what a channel must be able to do. A new channel is one file beside this one.

The README of this app walks through writing one; `checks.py` refuses a class that does not keep the contract.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django.http import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from channels_inbox.models import Channel, ChannelThread, OutboundMessage


class InvalidSignature(Exception):
    """The request does not come from whom it says: answered 401, nothing stored."""


class DeliveryError(Exception):
    """The far side did not take the message.

    `permanent`: trying again will not help. `retry_after`: seconds the far side asked for. `channel_down`: the
    server could not be reached or refused us, so the whole channel rests a little. Raised before the point of no
    return (`handed_at`) or with a clear refusal after it; anything unclear after it is `OutcomeUnknown`.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        retry_after: float | None = None,
        channel_down: bool = False,
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.channel_down = channel_down
        self.retry_after = retry_after


class OutcomeUnknown(Exception):
    """The message was handed over and no clear answer came back: nobody may send it again by itself."""


class CredentialsRefused(Exception):
    """The far side no longer accepts our credentials (password changed, consent withdrawn): people must act."""


@dataclass(frozen=True)
class Envelope:
    """One event as it arrived: how to recognise it again, the provider's id if any, the raw bytes.

    `imported`: history, taken over without notices (R-420). `quarantine`: why people must look at it before it
    becomes anything (the row is stored as dead with this sentence).
    """

    fingerprint: bytes
    external_id: str
    payload: bytes
    imported: bool = False
    quarantine: str = ""


@dataclass(frozen=True)
class Attachment:
    """One file of a message, with its bytes."""

    name: str
    content_type: str
    content: bytes
    sha256: str
    inline: bool = False
    content_id: str = ""


@dataclass(frozen=True)
class Person:
    """A far end: canonical address and the name it gave."""

    address: str
    name: str = ""


@dataclass(frozen=True)
class ParsedMessage:
    """A message in our words, whatever the provider calls things.

    `kind`: message, bounce, delay, receipt, error, probe (our own test mail coming back). `proofs` are our own signed
    ids found in the message;
    `references` the ids of other mails it names, nearest first.
    """

    kind: str
    sender: Person | None
    recipients: tuple[Person, ...] = ()
    copied: tuple[Person, ...] = ()
    subject: str = ""
    text: str = ""
    html: str = ""
    has_original: bool = False
    message_id: str = ""
    references: tuple[str, ...] = ()
    sent_at: datetime | None = None
    attachments: tuple[Attachment, ...] = ()
    automatic: bool = False
    wants_no_answer: bool = False
    sender_unverified: bool = False
    hint_text: str = ""
    language: str = ""
    defects: tuple[str, ...] = ()
    bounced_recipient: str = ""
    bounce_status: str = ""
    bounce_detail: str = ""
    bounce_permanent: bool = False
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DeliveryReceipt:
    """News about something we sent: matched by our Message-ID or the provider's id; status only climbs."""

    message_id: str
    status: str
    detail: str = ""
    provider_id: str = ""
    recipient: str = ""


@dataclass(frozen=True)
class Field:
    """One field of the channel form. `secret` fields are write-only and encrypted."""

    name: str
    label: Any
    secret: bool = False
    required: bool = False
    kind: str = "text"
    choices: tuple[tuple[str, Any], ...] = ()
    default: Any = ""
    help: Any = ""


class Adapter:
    """One channel kind. Instances are made per call and hold the `Channel` row."""

    kind: ClassVar[str] = ""
    label: ClassVar[Any] = ""
    fields: ClassVar[tuple[Field, ...]] = ()
    capabilities: ClassVar[frozenset[str]] = frozenset()
    chat_like: ClassVar[bool] = False

    def __init__(self, channel: "Channel") -> None:
        self.channel = channel

    def receive(self, request: HttpRequest) -> Iterable[Envelope]:
        """Check the signature over the raw bytes, then split into envelopes; no interpretation."""
        raise InvalidSignature("this channel takes no webhooks")

    def parse(self, payload: bytes) -> ParsedMessage | DeliveryReceipt:
        """Stored payload in, our words out. Pure: no database, no network."""
        raise DeliveryError(f"{self.kind} cannot do that", permanent=True)

    def send(self, outbound: "OutboundMessage") -> str:
        """Hand one message over; return the provider's id ('' if none). Call `outbox.mark_handed` before the
        point of no return. Raises `DeliveryError` or `OutcomeUnknown`; never retries by itself."""
        raise DeliveryError(f"{self.kind} cannot do that", permanent=True)

    # Optional, with a do-nothing default.

    def handshake(self, request: HttpRequest) -> HttpResponse | None:
        """Answer the provider's verification request."""
        return None

    def fetch(self) -> int:
        """Polled channels: fetch what is new into the inbox; return how many rows are new."""
        return 0

    def polls(self) -> bool:
        """Whether this channel, set up as it is, must be polled: asked before `fetch`."""
        return type(self).fetch is not Adapter.fetch

    def test_connection(self) -> list[tuple[str, bool, str]]:
        """Try the connection with the stored settings: (step, worked, sentence) for each step."""
        return []

    def can_send(self, thread: "ChannelThread | None", now: datetime) -> bool:
        """The one authority on sending windows."""
        return True
