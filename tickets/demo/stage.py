"""Decides how a step of a story is played: each goes the product's own way, from the inbox to the reply."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.headerregistry import Address
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from channels_inbox import files, inbox
from channels_inbox.adapters import adapter_for
from channels_inbox.adapters.base import ParsedMessage
from channels_inbox.adapters.email import mail_envelope
from channels_inbox.desk import Arrival, get_desk
from channels_inbox.models import Channel, InboundMessage, MessageAttachment
from helpdesk.people.models import User
from tickets import assignment, conversation, lifecycle, reactions, start, trio
from tickets.demo.letters import letter, quote, returned_mail
from tickets.demo.samples import sample
from tickets.demo.story import Step, customer, promised
from tickets.models import Department, EntryDelivery, Reaction, ThreadEntry, Ticket
from tickets.queues import mark_read


@dataclass
class Stage:
    """What is known while the stories are played: the team, the present, and the ticket of each story."""

    team: Mapping[str, User]
    now: datetime
    zone: ZoneInfo
    tickets: dict[str, int] = field(default_factory=dict)

    def play(self, step: Step) -> None:
        """Let one step happen. `app_now()` answers the step's moment already."""
        PLAYS[step.verb](self, step)

    def ticket(self, step: Step) -> Ticket:
        return Ticket.objects.get(pk=self.tickets[step.key])

    def opened(self, step: Step, ticket: Ticket) -> None:
        """Remember the ticket of a story, mark it as made up, and confirm its receipt as the product would."""
        self.tickets[step.key] = ticket.pk
        urgent = {"priority": step.story["priority"]} if "priority" in step.story else {}
        Ticket.objects.filter(pk=ticket.pk).update(demo=True, **urgent)
        wanted = Reaction.objects.filter(event__ticket=ticket, consumer="acknowledge", state=Reaction.WAITING)
        for row in wanted.select_related("event__ticket__department"):
            reactions.acknowledge(row.event)


def play_mail(stage: Stage, step: Step) -> None:
    """A customer writes; an answer carries the quoted words, as mail programs do."""
    channel, writer, known = _mailbox(step), customer(step.who), stage.tickets.get(step.key)
    answered = known or stage.tickets.get(step.facts.get("answers", ""))
    earlier = _earlier(answered, writer["address"]) if answered else None
    text = step.facts["text"]
    if earlier and not step.facts.get("automatic"):
        text = text.rstrip() + quote(
            earlier.text, author=earlier.author, at=earlier.at.astimezone(stage.zone)
        )
    subject = step.facts.get("subject", step.story["subject"])
    raw = letter(
        sender=Address(writer["name"], addr_spec=writer["address"]),
        to=channel.address,
        subject=f"Re: {subject}" if known and not step.facts.get("automatic") else subject,
        text=text,
        at=step.at,
        message_id=_message_id(step, writer["address"]),
        copied=step.facts.get("cc", ()),
        files=step.facts.get("files", ()),
        answers=earlier.message_id if earlier else "",
        automatic=step.facts.get("automatic", False),
    )
    entry = arrive(channel, raw, unverified=step.facts.get("unverified", False))
    if known is None:
        stage.opened(step, entry.ticket)
    elif entry.ticket_id != known:
        raise RuntimeError(f"the mail of {step.at} left its story {step.key}")


@dataclass(frozen=True)
class Earlier:
    """The words a mail answers."""

    text: str
    author: str
    at: datetime
    message_id: str


def _earlier(ticket_id: int, address: str) -> Earlier | None:
    """Return our last mail to this person on the ticket (else to anybody), or the person's own first one."""
    sent = EntryDelivery.objects.filter(entry__ticket=ticket_id).select_related("entry__author", "outbound")
    delivery = sent.filter(outbound__recipient=address).order_by("id").last() or sent.order_by("id").last()
    if delivery is None:
        return None
    author = delivery.entry.author.name if delivery.entry.author else "Atendimento"
    return Earlier(delivery.entry.text, author, delivery.entry.created_at, delivery.outbound.message_id)


def arrive(channel: Channel, raw: bytes, *, unverified: bool = False) -> ThreadEntry:
    """Let a raw mail arrive: stored, claimed, parsed and taken over by the desk, all in this transaction.

    `unverified`: as if the receiving server had said that the sender's domain disowns it (R-128). The row is
    marked as imported: made-up arrivals tell nothing of how often mail comes.
    """
    envelope = mail_envelope(raw)
    inbox.store(channel, [envelope])
    row = InboundMessage.objects.select_related("channel").get(
        channel=channel, fingerprint=envelope.fingerprint
    )
    row.lease_token, row.attempts = uuid4(), 1
    row.save(update_fields=["lease_token", "attempts"])
    parsed = adapter_for(channel).parse(raw)
    if not isinstance(parsed, ParsedMessage):
        raise TypeError("a mail is a message")
    parsed = replace(parsed, sender_unverified=True) if unverified else parsed
    get_desk().received([Arrival(row, parsed)])
    row.finish(imported=True)
    return ThreadEntry.objects.select_related("ticket").get(inbound=row)


def play_bounce(stage: Stage, step: Step) -> None:
    """A mail server says that one of our mails could not be delivered."""
    sent = EntryDelivery.objects.filter(
        entry__ticket=stage.tickets[step.key], outbound__recipient=step.who
    ).select_related("outbound")
    channel = _mailbox(step)
    raw = returned_mail(
        to=channel.address,
        failed=step.who,
        code=step.facts["code"],
        reason=step.facts["text"],
        sent_id=sent.latest("id").outbound.message_id,
        at=step.at,
        message_id=_message_id(step, step.who),
    )
    arrive(channel, raw)


def play_phone(stage: Stage, step: Step) -> None:
    """Somebody calls and an analyst writes down what was said."""
    caller = customer(step.facts["customer"])
    ticket = start.start_ticket(
        actor=stage.team[step.who],
        name=caller["name"],
        email=caller["address"],
        department=Department.objects.get(key=step.story["to"]),
        subject=step.story["subject"],
        message=step.facts["text"],
        send_mail=False,
        stopped=step.facts.get("stopped", False),
        idem_key=f"demo:{step.key}",
    )
    stage.opened(step, ticket)


def play_reply(stage: Stage, step: Step) -> None:
    entry = conversation.reply(
        stage.ticket(step),
        actor=stage.team[step.who],
        text=step.facts["text"],
        attachments=_files(step),
        then=step.facts.get("then", ""),
        outcome=step.facts.get("outcome", ""),
    )
    mark_read(stage.team[step.who], Ticket.objects.get(pk=entry.ticket_id))


def play_note(stage: Stage, step: Step) -> None:
    conversation.add_note(stage.ticket(step), actor=stage.team[step.who], text=step.facts["text"])
    mark_read(stage.team[step.who], stage.ticket(step))


def play_assign(stage: Stage, step: Step) -> None:
    person = stage.team[step.who]
    assignment.assign(stage.ticket(step), actor=person, to=person)


def play_status(stage: Stage, step: Step) -> None:
    outcome = step.facts.get("outcome", "")
    actor = stage.team[step.who]
    lifecycle.change_status(stage.ticket(step), step.facts["to"], actor=actor, outcome=outcome)


def play_trio(stage: Stage, step: Step) -> None:
    trio.set_trio(
        stage.ticket(step),
        actor=stage.team[step.who],
        now=step.facts["now"],
        next_step=step.facts["next_step"],
        when=promised(step.facts["when"], now=stage.now, zone=stage.zone),
    )


def play_close(stage: Stage, step: Step) -> None:
    """The clock closes what was resolved three business days ago."""
    lifecycle.close_resolved(stage.ticket(step), now=step.at)


PLAYS: Mapping[str, Callable[[Stage, Step], None]] = {
    "mail": play_mail,
    "bounce": play_bounce,
    "phone": play_phone,
    "reply": play_reply,
    "note": play_note,
    "assign": play_assign,
    "status": play_status,
    "trio": play_trio,
    "close": play_close,
}


def _mailbox(step: Step) -> Channel:
    return Channel.objects.get(key=f"email-{step.story['to']}")


def _message_id(step: Step, address: str) -> str:
    return f"{step.key}.{int(step.at.timestamp())}@{address.partition('@')[2]}"


def _files(step: Step) -> list[MessageAttachment]:
    rows: list[Any] = []
    for name in step.facts.get("files", ()):
        name, content_type, content = sample(name)
        rows.append(files.new_attachment(content, name=name, content_type=content_type))
    return MessageAttachment.objects.bulk_create(rows)
