"""Which ticket a mail joins: every row of R-128 with every kind of proof, forgeries and loops, end to end."""

import email
import email.policy

import pytest

from channels_inbox.adapters.email import mail_envelope
from channels_inbox.inbox import process_due, store
from channels_inbox.mailbox_ids import new_message_id, reply_address
from channels_inbox.models import Channel, InboundMessage, OutboundMessage
from helpdesk.people.models import Contact
from tests.flows.answered import COPIED, MARINA, STRANGER, forged_signature
from tests.mails import mail
from tickets.models import MailReference, Participant, ThreadEntry, Ticket
from tickets.reactions import react_due

pytestmark = pytest.mark.django_db
TRUSTED = "mx.presteza.example"


def proofs(case) -> dict[str, dict]:
    """Every way to name the ticket with proof, and by reference only."""
    return {
        "signed id in In-Reply-To": {"in_reply_to": case.reply_id},
        "signed id deep in References": {"references": f"<a@b.example> <{case.reply_id}> <c@d.example>"},
        "signed address": {"to": f"Suporte <{case.reply_to}>"},
        "signed address in Delivered-To": {"headers": {"Delivered-To": case.reply_to}},
        "reference": {"in_reply_to": "raiz@trigal.example"},
        "reference deep": {"references": "<raiz@trigal.example> <x@y.example>"},
    }


PROOFS = [
    "signed id in In-Reply-To", "signed id deep in References", "signed address", "signed address in Delivered-To",
    "reference", "reference deep",
]  # fmt: skip


def dmarc(result: str, *, host: str = TRUSTED) -> str:
    return (
        f"{host}; spf=pass smtp.mailfrom=trigal.example; dmarc={result} (p=NONE) header.from=trigal.example"
    )


def outside(entry: ThreadEntry, case) -> bool:
    """The mail stands on a ticket of its own; nobody was told anything of the old one."""
    texts = [bytes(row.payload) for row in OutboundMessage.objects.order_by("id")[case.sent :]]
    leaked = [text for text in texts if b"Vou verificar" in text or b"1932" in text]
    case.ticket.refresh_from_db()
    return entry.ticket_id != case.ticket.pk and not leaked


# --- the table -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROOFS)
@pytest.mark.parametrize("result", ["fail", "pass", "none"])
def test_row_1_dmarc_failed_at_the_trusted_host(case, arrive, settings, name, result):
    settings.TRUSTED_AUTHSERV_ID = TRUSTED
    how = proofs(case)[name]
    headers = {"Authentication-Results": dmarc(result), **how.pop("headers", {})}
    entry = arrive(sender=MARINA, subject="Re: urgente", headers=headers, **how)
    if result != "fail":
        assert entry.ticket_id == case.ticket.pk
        return
    assert outside(entry, case)
    assert entry.held
    assert entry.ticket.held  # «remetente não verificado»
    assert entry.ticket.possible_follow_up_of_id == case.ticket.pk  # the candidate is shown
    assert OutboundMessage.objects.count() == case.sent  # no automatic text, no link


@pytest.mark.parametrize("name", PROOFS)
@pytest.mark.parametrize("sender", [MARINA, COPIED, "MARINA@TRIGAL.EXAMPLE"])
def test_rows_2_and_3_a_participant_joins(case, arrive, name, sender):
    entry = arrive(sender=sender, subject="outro assunto", text="Segue.", **proofs(case)[name])
    assert entry.ticket_id == case.ticket.pk
    assert Ticket.objects.count() == 1
    assert not entry.held


@pytest.mark.parametrize("name", PROOFS)
def test_row_4_somebody_else_stays_outside_until_one_click(case, arrive, person, name):
    entry = arrive(sender=STRANGER, subject="Re: NF-e", **proofs(case)[name])
    assert outside(entry, case)
    assert entry.ticket.possible_follow_up_of_id == case.ticket.pk
    assert not Participant.objects.filter(ticket=case.ticket, contact=entry.contact).exists()
    from tickets.follow_up import join

    target = join(entry.ticket, actor=person("paula", "leader"))
    assert target.pk == case.ticket.pk
    entry.refresh_from_db()
    assert entry.ticket_id == case.ticket.pk
    assert Participant.objects.filter(ticket=case.ticket, contact=entry.contact).exists()


@pytest.mark.parametrize("place", ["subject", "text", "Reply-To", "Cc", "plus"])
@pytest.mark.parametrize("sender", [MARINA, STRANGER])
def test_row_5_a_number_is_a_hint_and_no_authority(case, arrive, place, sender):
    protocol = case.ticket.protocol
    where = {
        "subject": {"subject": f"Re: pedido [{protocol}]"},
        "text": {"text": f"Sobre o chamado {protocol}, segue."},
        "Reply-To": {"headers": {"Reply-To": f"suporte+{protocol}@presteza.example"}},
        "Cc": {"cc": f"suporte+t{case.ticket.pk}@presteza.example"},
        "plus": {"to": f"suporte+{protocol}@presteza.example"},
    }[place]
    entry = arrive(sender=sender, **where)
    assert entry.ticket_id != case.ticket.pk
    assert entry.ticket.possible_follow_up_of_id is None
    if place in ("subject", "text"):
        assert entry.ticket.hinted_protocol == protocol


def test_row_6_nothing_of_these(case, arrive):
    entry = arrive(sender=MARINA, subject="Outra coisa")
    assert entry.ticket_id != case.ticket.pk
    assert entry.ticket.possible_follow_up_of_id is None
    assert entry.ticket.hinted_protocol == ""


# --- forgeries (A10, A11) --------------------------------------------------------------------------------


FORGERIES = {
    "protocol in the subject": lambda c: {"subject": f"Re: NF-e [{c.ticket.protocol}]"},
    "guessed plus-address": lambda c: {"to": f"suporte+t{c.ticket.pk}-1-{'a' * 20}@presteza.example"},
    "forged signed id": lambda c: {"in_reply_to": forged_signature(c.reply_id)},
    "forged signed address": lambda c: {"to": forged_signature(c.reply_to)},
    "copied References": lambda c: {"references": f"<raiz@trigal.example> <{c.reply_id}>"},
    "right key, wrong sender": lambda c: {"to": c.reply_to, "in_reply_to": c.reply_id},
    "key of another ticket": lambda c: {"to": reply_address("suporte@presteza.example", c.ticket.pk + 7, 1)},
    "spoofed analyst": lambda c: {"sender": "Lívia <livia@equipe.example>", "in_reply_to": c.reply_id},
    "spoofed mailbox of ours": lambda c: {"sender": "suporte@presteza.example", "in_reply_to": c.reply_id},
    "Reply-To trick": lambda c: {"in_reply_to": c.reply_id, "headers": {"Reply-To": MARINA}},
    "name instead of address": lambda c: {
        "sender": '"marina@trigal.example" <estranho@fora.example>', "in_reply_to": c.reply_id,
    },
    "two authors": lambda c: {
        "sender": "estranho@fora.example, marina@trigal.example", "in_reply_to": c.reply_id,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", FORGERIES)
def test_twelve_forged_mails_stay_outside(case, arrive, name):
    before = list(ThreadEntry.objects.filter(ticket=case.ticket).values_list("pk", flat=True))
    facts = {"sender": STRANGER, "subject": "oi", "text": "passe a senha", **FORGERIES[name](case)}
    entry = arrive(**facts)
    assert outside(entry, case)
    assert list(ThreadEntry.objects.filter(ticket=case.ticket).values_list("pk", flat=True)) == before
    assert entry.kind == "customer"  # never an analyst's reply
    told = OutboundMessage.objects.order_by("id")[case.sent :]
    assert not [row for row in told if row.recipient in ("marina@trigal.example", "contador@exato.example")]
    assert not [row for row in told if b"NF-e rej" in bytes(row.payload)]  # none of the earlier text


@pytest.mark.parametrize("headers", ["Sender", "Return-Path"])
def test_no_author_but_a_participant_behind_it_is_held(case, arrive, headers):
    raw = mail(sender="", in_reply_to=case.reply_id)
    raw = f"{headers}: <marina@trigal.example>\r\n".encode() + raw
    entry = arrive(raw)  # DMARC judges From only: whoever names none proves nothing
    assert outside(entry, case)
    assert entry.ticket.held


def test_a_second_author_line_is_held(case, arrive):
    raw = b"From: marina@trigal.example\r\n" + mail(sender=STRANGER, in_reply_to=case.reply_id)
    entry = arrive(raw)
    assert outside(entry, case)
    assert entry.ticket.held


def test_forged_authentication_results_below_the_trusted_one_are_ignored(case, arrive, settings):
    settings.TRUSTED_AUTHSERV_ID = TRUSTED
    raw = mail(sender=MARINA, in_reply_to=case.reply_id)
    lines = [f"Authentication-Results: {dmarc('fail')}", f"Authentication-Results: {dmarc('pass')}"]
    entry = arrive("".join(f"{line}\r\n" for line in lines).encode() + raw)
    assert outside(entry, case)
    assert entry.held


@pytest.mark.parametrize("host", ["mx.fora.example", "mx.presteza.example.fora.example", ""])
def test_authentication_results_of_another_host_are_ignored(case, arrive, settings, host):
    settings.TRUSTED_AUTHSERV_ID = TRUSTED
    headers = {"Authentication-Results": dmarc("fail", host=host)}
    entry = arrive(sender=MARINA, in_reply_to=case.reply_id, headers=headers)
    assert entry.ticket_id == case.ticket.pk


def test_copy_gives_nothing(case, arrive):
    # A11: a stranger copied by a stranger gains no history, no link, no text
    entry = arrive(sender=STRANGER, cc="cumplice@fora.example", in_reply_to=case.reply_id)
    assert outside(entry, case)
    assert not OutboundMessage.objects.filter(recipient="cumplice@fora.example").exists()
    # nor does somebody the customer copies later see what was written before
    entry = arrive(sender=MARINA, cc="novo@trigal.example", in_reply_to=case.reply_id)
    assert entry.ticket_id == case.ticket.pk
    assert not OutboundMessage.objects.filter(recipient="novo@trigal.example").exists()


def test_keys_rotate_with_overlap(case, arrive, settings):
    settings.SIGNING_KEYS = ["a-new-key-of-sufficient-length-0123456789", *settings.SIGNING_KEYS]
    assert arrive(sender=MARINA, in_reply_to=case.reply_id).ticket_id == case.ticket.pk
    settings.SIGNING_KEYS = ["a-new-key-of-sufficient-length-0123456789"]
    old_key = new_message_id(case.ticket.pk, case.ticket.contact_id, domain="x.example")
    assert arrive(sender=MARINA, in_reply_to=old_key).ticket_id == case.ticket.pk
    settings.SIGNING_KEYS = ["another-key-of-sufficient-length-0123456789"]
    assert arrive(sender=MARINA, in_reply_to=old_key).ticket_id != case.ticket.pk


# --- identity of a mail ----------------------------------------------------------------------------------


def test_one_message_id_with_two_bodies_is_two_entries(arrive):
    first = arrive(message_id="mesmo@trigal.example", text="primeiro corpo")
    second = arrive(message_id="mesmo@trigal.example", text="segundo corpo")
    assert first.ticket_id != second.ticket_id
    texts = ThreadEntry.objects.filter(kind="customer").order_by("id").values_list("text", flat=True)
    assert [text.strip() for text in texts] == ["primeiro corpo", "segundo corpo"]


def test_the_same_bytes_are_one_entry_whatever_road_they_took(arrive):
    raw = mail()
    arrive(raw)
    arrive(raw)
    arrive(
        b"Received: from mx2 by mx1\r\n\tfor x; Tue, 24 Nov 2026\r\nDelivered-To: suporte@presteza.example\r\n"
        + raw
    )
    assert InboundMessage.objects.count() == 1
    assert ThreadEntry.objects.filter(kind="customer").count() == 1


def test_one_mail_to_two_mailboxes_is_two_arrivals_that_are_linked(arrive):
    raw = mail(to="suporte@presteza.example, financeiro@presteza.example", message_id="dois@trigal.example")
    first, second = arrive(raw), arrive(raw, department="financeiro")
    assert InboundMessage.objects.count() == 2
    assert first.pk != second.pk
    assert second.ticket.department.key == "financeiro"
    assert second.ticket.possible_follow_up_of_id == first.ticket_id


def test_an_answer_that_comes_before_its_root_is_linked(arrive):
    answer = arrive(sender=MARINA, subject="Re: pedido", in_reply_to="raiz-tardia@trigal.example")
    root = arrive(sender=MARINA, subject="pedido", message_id="raiz-tardia@trigal.example")
    assert root.ticket_id == answer.ticket_id
    stranger = arrive(
        sender=STRANGER, subject="pedido", message_id="raiz-tardia@trigal.example", text="outro"
    )
    assert stranger.ticket_id != answer.ticket_id


def test_two_mails_of_one_new_person_make_one_contact(arrive):
    arrive(sender=STRANGER)
    arrive(sender="ESTRANHO@FORA.EXAMPLE")
    assert Contact.objects.filter(addresses__value="estranho@fora.example").count() == 1


# --- no loops (R-129, A23) -------------------------------------------------------------------------------


def drain(channel: Channel, raw: bytes) -> None:
    store(channel, [mail_envelope(raw)])
    while process_due():
        pass
    while react_due():
        pass


def as_other_desk(payload: bytes, number: int) -> bytes:
    """The confirmation of another installation: ours, sent back by them under their own name and id."""
    theirs = email.message_from_bytes(payload, policy=email.policy.SMTP)
    theirs.replace_header("From", "Outra Central <ajuda@outra.example>")
    theirs.replace_header("To", "suporte@presteza.example")
    theirs.replace_header("Message-ID", f"<ack{number}@outra.example>")
    del theirs["Reply-To"], theirs["In-Reply-To"], theirs["References"]
    return theirs.as_bytes()


def test_two_desks_facing_each_other_stop_after_one(arrive):
    arrive(sender="Outra Central <ajuda@outra.example>")
    channel = Channel.objects.get(key="email-suporte")
    for number in range(5):
        ours = OutboundMessage.objects.filter(purpose="auto").order_by("-id")[0]
        drain(channel, as_other_desk(bytes(ours.payload), number))
    assert OutboundMessage.objects.filter(purpose="auto").count() == 1


def test_a_robot_without_any_mark_is_capped(arrive):
    for number in range(12):
        arrive(sender="Robo <robo@outra.example>", subject=f"Pedido {number}")
    assert OutboundMessage.objects.filter(purpose="auto").count() <= 3


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto-Submitted": "auto-generated"}, {"Precedence": "bulk"}, {"Precedence": "junk"}, {"Precedence": "list"},
        {"X-Autoreply": "yes"}, {"Return-Path": "<>"}, {"List-Id": "<lista.example>"},
    ],
)  # fmt: skip
def test_robots_are_never_answered(arrive, headers):
    entry = arrive(sender="Sistema <sistema@outra.example>", headers=headers)
    assert entry.automatic
    assert not OutboundMessage.objects.filter(purpose="auto").exists()


@pytest.mark.parametrize("sender", ["suporte@presteza.example", "Financeiro <financeiro@presteza.example>"])
def test_our_own_addresses_are_never_answered(arrive, sender):
    entry = arrive(sender=sender)
    assert entry.automatic
    assert not OutboundMessage.objects.filter(purpose="auto").exists()


def test_automatic_mail_reopens_nothing(case, arrive):
    from tickets import lifecycle

    lifecycle.change_status(case.ticket, "resolved", actor=None)
    entry = arrive(sender=MARINA, in_reply_to=case.reply_id, headers={"Auto-Submitted": "auto-replied"})
    case.ticket.refresh_from_db()
    assert entry.ticket_id == case.ticket.pk
    assert case.ticket.status == "resolved"


def test_references_are_bounded(arrive):
    ids = " ".join(f"<r{number}@trigal.example>" for number in range(3000))
    entry = arrive(references=ids)
    assert MailReference.objects.filter(ticket=entry.ticket).count() <= 60
