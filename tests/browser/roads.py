"""What the three roads of a mail share: reading what left, answering it as a mail program does, waiting for rows."""

import email
import email.policy
import re
import smtplib
from collections.abc import Callable
from email.message import EmailMessage

from playwright.sync_api import Page, expect

from tests.flows.worker import Sink, until
from tests.mails import mail
from tickets.models import ThreadEntry, Ticket

LINK = re.compile(r"http://127\.0\.0\.1:\d+/t/[\w-]+")


def first(wanted: Callable[[], object | None]):
    """Wait, bounded, for the first true value and return it."""
    found: list[object] = []

    def look() -> bool:
        value = wanted()
        if value:
            found.append(value)
        return bool(value)

    until(look)
    return found[0]


def ticket_of(subject: str) -> Ticket:
    """Wait until a mail with this subject is a ticket."""
    return first(lambda: Ticket.objects.filter(subject=subject).select_related("department").first())


def read(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=email.policy.default)


def words(message: EmailMessage) -> str:
    return message.get_body(("plain",)).get_content()


def read_all(raw: bytes) -> str:
    """Return every word a mail says: headers, plain text and HTML."""
    message = read(raw)
    parts = [part.get_content() for part in message.walk() if part.get_content_maintype() == "text"]
    return "\n".join([*(str(value) for value in message.values()), *parts])


def letter_to(sink: Sink, address: str, *, saying: str) -> EmailMessage:
    """Wait for the mail to this address that says this; return it parsed."""

    def look() -> EmailMessage | None:
        mine = (read(raw) for recipients, raw in list(sink.messages) if address in recipients)
        return next((each for each in mine if saying in words(each)), None)

    return first(look)


def answer_to(letter: EmailMessage, text: str, *, sender: str) -> bytes:
    """What the customer's mail program sends back: to Reply-To, with the ids of the conversation."""
    own = letter["Message-ID"].strip("<> ")
    references = f"{letter['References'] or ''} <{own}>".strip()
    return mail(
        sender=sender, to=str(letter["Reply-To"]), subject=f"Re: {letter['Subject']}", text=text,
        in_reply_to=own, references=references,
    )  # fmt: skip


def post(port: int, raw: bytes, *, sender: str) -> None:
    """Hand a mail to the local SMTP port, addressed as its To line says."""
    to = read(raw)["To"].addresses[0].addr_spec
    with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
        assert client.sendmail(sender, [to], raw) == {}


def mark(page: Page) -> None:
    """Remember that this document is the one that was opened."""
    page.evaluate("window.stayed = true")


def stayed(page: Page) -> bool:
    """Whether the page was never loaded again since `mark`."""
    return page.evaluate("window.stayed === true")


def reply(page: Page, text: str) -> None:
    """Answer in the open ticket."""
    page.locator("[data-composer] textarea").fill(text)
    page.get_by_role("button", name="Enviar e aguardar").click()
    expect(page.locator(".msg.out", has_text=text)).to_be_visible()


def customer_entries(ticket: Ticket) -> list[str]:
    rows = ThreadEntry.objects.filter(ticket=ticket, kind="customer").order_by("id")
    return [text.strip() for text in rows.values_list("text", flat=True)]
