"""Builds the little world of the matrix: two departments, two customers with a ticket each, and who tries what.

`a` belongs to department 1 (suporte) and customer A, `b` to department 2 (financeiro) and customer B; `none` holds
the names of things that do not exist.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.test import Client

from channels_inbox import outbox
from channels_inbox.adapters.email import mail_envelope
from channels_inbox.inbox import process_due, store
from channels_inbox.models import Channel, InboundMessage, OutboundMessage, ProviderSecret, Replay
from helpdesk.accounts.invitations import invite
from helpdesk.accounts.second_factor import PASSED_KEY
from helpdesk.backup.scheduled import folder
from helpdesk.lib.clock import app_now
from helpdesk.lib.encryption import encrypt_json
from helpdesk.lib.signing import new_token
from helpdesk.people.audit import record
from helpdesk.people.models import Backup, LoginSession, PasswordReset, User
from helpdesk.people.site import site_settings
from tests.mails import mail
from tickets import conversation
from tickets.models import (
    Department,
    Draft,
    DraftFile,
    EntryAttachment,
    EntryDelivery,
    Membership,
    Participant,
    Reaction,
    SystemText,
    Ticket,
)
from tickets.presets import load_preset
from tickets.reactions import react_due
from tickets.tracking import mint_link

ROLES = ("anonymous", "customer_a", "customer_b", "agent1", "agent2", "leader1", "admin")
ABSENT = 99_999_999


@dataclass
class Things:
    """What the arguments of the routes may name, on one side."""

    ticket: Any = ABSENT
    protocol: Any = "99-99999"
    token: Any = "A" * 43
    reply: Any = ABSENT
    entry: Any = ABSENT
    delivery: Any = ABSENT
    participant: Any = ABSENT
    file: Any = ABSENT
    note_file: Any = ABSENT
    draft_file: Any = ABSENT
    outbound: Any = ABSENT
    inbound: Any = ABSENT
    reaction: Any = ABSENT
    replay: Any = ABSENT
    backup: Any = ABSENT
    provider_secret: Any = ABSENT
    department: Any = ABSENT
    channel: Any = ABSENT
    channel_key: Any = "nenhum"
    text: Any = ABSENT
    person: Any = ABSENT
    invitation: Any = ABSENT
    audit: Any = ABSENT
    site: Any = ABSENT
    session: Any = ABSENT
    letter: Any = ABSENT
    invited: Any = "B" * 43
    reset: Any = "C" * 43
    word: Any = "nenhuma"

    def get(self, name: str) -> Any:
        """Return a value; `@thing` inside posted data names one too."""
        return getattr(self, name)


@dataclass
class World:
    a: Things
    b: Things
    none: Things
    people: dict[str, User]
    clients: dict[str, Client] = field(default_factory=dict)


def build() -> World:
    """Make everything, inside the caller's transaction."""
    load_preset("essencial")
    site_settings()
    people = {
        "agent1": _person("Ana Um", "agent", "suporte"),
        "agent2": _person("Beto Dois", "agent", "financeiro"),
        "leader1": _person("Lia Um", "leader", "suporte"),
        "admin": _person("Ada Chefe", "admin", None),
    }
    a = _side("suporte", "Alda Alfa <alda@alfa.example>", people["agent1"], people["admin"])
    b = _side("financeiro", "Bento Beta <bento@beta.example>", people["agent2"], people["admin"])
    world = World(a, b, Things(), people)
    world.clients = {role: _client(world, role) for role in ROLES}
    a.session, b.session = _session_of(people["agent1"]), _session_of(people["agent2"])
    return world


def _person(name: str, role: str, department: str | None) -> User:
    user = User.objects.create_user(
        f"{name.split()[0].lower()}@equipe.example", "uma frase de teste", name=name
    )
    place = Department.objects.get(key=department) if department else None
    Membership.objects.create(user=user, role=role, department=place)
    return user


def _side(key: str, sender: str, agent: User, boss: User) -> Things:
    channel, department = Channel.objects.get(key=f"email-{key}"), Department.objects.get(key=key)
    ticket = _ticket(channel, sender, agent)
    reply = ticket.entries.get(kind="reply")
    attached = EntryAttachment.objects.filter(entry__ticket=ticket)
    draft = Draft.objects.create(user=agent, ticket=ticket, text="rascunho")
    kept = DraftFile.objects.create(draft=draft, file=attached.first().file)
    reaction = Reaction.objects.filter(event__ticket=ticket).first()
    Reaction.objects.filter(pk=reaction.pk).update(state="dead")
    delivery = EntryDelivery.objects.filter(entry=reply).select_related("outbound").first()
    invitation = invite(boss, email=f"convite-{key}@equipe.example", name="Convidada")
    note = attached.get(entry__kind="note")
    return Things(
        ticket=ticket.pk,
        protocol=ticket.protocol,
        token=mint_link(ticket, ticket.contact).rsplit("/", 1)[-1],
        reply=reply.pk,
        entry=ticket.entries.filter(kind="customer").first().pk,
        delivery=delivery.pk,
        participant=Participant.objects.get(ticket=ticket, kind="copied").pk,
        file=attached.get(entry__kind="customer").pk,
        note_file=note.pk,
        draft_file=kept.pk,
        outbound=delivery.outbound_id,
        inbound=_dead(channel).pk,
        reaction=reaction.pk,
        replay=Replay.objects.create(asked_by=boss, wanted=[]).pk,
        provider_secret=ProviderSecret.objects.create(sealed=encrypt_json({"secret": key})).pk,
        backup=_backup(key).pk,
        department=department.pk,
        channel=channel.pk,
        channel_key=channel.key,
        text=SystemText.objects.create(key="auto_padrao", department=department, text="Oi").pk,
        person=agent.pk,
        invitation=invitation.pk,
        audit=record("login", actor=agent, subject=agent.email).pk,
        site=1,
        letter=OutboundMessage.objects.filter(channel=channel, purpose="auto").latest("id").pk,
        invited=_token_of(invitation),
        reset=_token_of(PasswordReset(user=agent, expires_at=app_now() + timedelta(hours=1))),
        word="alguma",
    )


def _ticket(channel: Channel, sender: str, agent: User) -> Ticket:
    """A conversation: a mail with a file and a person in copy, a reply that still waits, a note with a file."""
    raw = mail(
        sender=sender, to=channel.address, cc="copia@outra.example", subject=f"Assunto de {channel.key}",
        files=(("nota.txt", "text/plain", channel.key.encode()),),
    )  # fmt: skip
    store(channel, [mail_envelope(raw)])
    while process_due():
        pass
    while react_due():
        pass
    ticket = Ticket.objects.filter(channel=channel).latest("id")
    conversation.reply(ticket, actor=agent, text="Estou vendo.")
    note = conversation.add_note(ticket, actor=agent, text="Interno")
    shared = EntryAttachment.objects.get(entry__ticket=ticket).file
    EntryAttachment.objects.create(entry=note, file=shared)
    while outbox.deliver_due():  # the confirmation lands in the local mailbox; the reply still waits
        pass
    return ticket


def _token_of(row: Any) -> str:
    """Give a row of the account pages a link we know."""
    token, row.token_hash = new_token()
    row.save()
    return token


def _backup(key: str) -> Backup:
    """A good backup whose file is there."""
    folder().mkdir(parents=True, exist_ok=True)
    name = f"presteza-20261124-0300{len(key):02}.tar"
    (folder() / name).write_bytes(b"x")
    return Backup.objects.create(state="done", file=name, size=1, finished_at=app_now())


def _dead(channel: Channel) -> InboundMessage:
    store(channel, [mail_envelope(mail(subject=f"Parada em {channel.key}"))])
    InboundMessage.objects.filter(state="new").update(state="dead", last_error="ParseError")
    return InboundMessage.objects.filter(channel=channel, state="dead").latest("id")


def _client(world: World, role: str) -> Client:
    client = Client()
    if role.startswith("customer"):
        side = world.a if role == "customer_a" else world.b
        answer = client.get(f"/t/{side.token}")
        assert answer.status_code == 302, "the tracking link must open the page"
    elif role != "anonymous":
        sign_in(client, world.people[role])
    return client


def sign_in(client: Client, user: User) -> None:
    """Sign a person in, second factor included."""
    client.force_login(user)
    session = client.session
    session[PASSED_KEY] = user.pk
    session.save()


def _session_of(user: User) -> int:
    row = LoginSession.objects.create(user=user, session_key=f"outra-{user.pk}", device="Firefox")
    return row.pk
