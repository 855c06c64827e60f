"""Makes what pages can show: each kind of entry, held and returned mail, a possible follow-up, links of a customer."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from channels_inbox import files
from channels_inbox.models import OutboundMessage
from channels_inbox.outbox import deliver_due
from helpdesk.people.models import User
from tests.browser.roads import LINK, read, words
from tests.flows.test_returned import bounce
from tickets import assignment, conversation, lifecycle, trio
from tickets.models import EntryDelivery, ThreadEntry, Ticket
from tickets.reactions import react_due

TRUSTED = "mx.presteza.example"
FORGED = f"{TRUSTED}; spf=pass smtp.mailfrom=trigal.example; dmarc=fail (p=NONE) header.from=trigal.example"
HTML = (
    "<p>Boa tarde.</p><table><tr><th>Nota</th><th>Retorno</th></tr><tr><td>1932</td><td>rejeição 539</td></tr></table>"
    "<blockquote>o que já tentamos</blockquote><pre>cStat 539: duplicidade de NF-e com outra chave</pre>"
    '<p><a href="https://trigal.example/pedido/1932">pedido</a></p><img src="https://figuras.example/logo.png">'
)
PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da63fccfc0f01f0005050102"
    "a7b5a3f70000000049454e44ae426082"
)


@dataclass
class Scene:
    """The tickets of one test, by what they show."""

    rich: Ticket
    held: Ticket
    follow_up: Ticket
    resolved: Ticket
    closed: Ticket


def send_all() -> None:
    while react_due() or deliver_due():
        pass


def link_to(ticket: Ticket) -> str:
    """Return the newest tracking link the ticket's customer holds."""
    mails = EntryDelivery.objects.filter(entry__ticket=ticket, contact=ticket.contact).values("outbound")
    row = OutboundMessage.objects.filter(pk__in=mails).order_by("-id")[0]
    return LINK.search(words(read(bytes(row.payload))))[0]


def outbound_of(entry: ThreadEntry) -> OutboundMessage:
    delivery = EntryDelivery.objects.filter(entry=entry, outbound__recipient="marina@trigal.example")
    return delivery.select_related("outbound").get().outbound


def make_scene(arrive: Callable[..., ThreadEntry], travel, livia: User, caio: User, settings) -> Scene:
    """Let it all happen on five tickets; `livia` works on them, `caio` writes the notes."""
    rich = arrive(
        cc="Contador Exato <contador@exato.example>", html=HTML, message_id="raiz@trigal.example",
        subject="NF-e rejeitada com código 539 ao faturar o pedido 1932, que é o maior do mês para a loja da matriz",
        files=(("tela do erro.png", "image/png", PICTURE), ("nota " * 20 + ".xml", "text/xml", b"<nfe/>")),
    ).ticket  # fmt: skip
    fill_rich(rich, arrive, travel, livia, caio)
    settings.TRUSTED_AUTHSERV_ID = TRUSTED
    held = arrive(
        subject="Mande a senha", in_reply_to="raiz@trigal.example",
        headers={"Authentication-Results": FORGED}, text="Preciso da senha agora.",
    ).ticket  # fmt: skip
    follow_up = arrive(
        sender="Estranho <estranho@fora.example>",
        subject="Sobre aquela nota",
        in_reply_to="raiz@trigal.example",
    ).ticket
    resolved = arrive(sender="Otávio Reis <otavio@horizonte.example>", subject="Boleto errado").ticket
    conversation.reply(resolved, actor=livia, text="Corrigi o vencimento.", then="resolved")
    closed = arrive(sender="Alice Bastos <alice@bastos.example>", subject="Pedido antigo").ticket
    lifecycle.change_status(closed, "resolved", actor=None)
    lifecycle.change_status(closed, "closed", actor=None)
    travel(seconds=60)
    send_all()
    return Scene(rich, held, follow_up, resolved, closed)


def fill_rich(rich: Ticket, arrive, travel, livia: User, caio: User) -> None:
    """Every kind of entry and every state of an answer on one ticket."""
    assignment.assign(rich, actor=livia, to=livia)
    conversation.add_note(
        rich, actor=caio, text="É **duplicidade**: a chave já existe pela série 2.\n\n- pular até 1947"
    )
    states = ("sent", "delivered", "read", "uncertain", "failed", "bounced")
    entries = {state: conversation.reply(rich, actor=livia, text=f"Resposta: {state}.") for state in states}
    travel(seconds=60)
    send_all()
    for state in ("uncertain", "failed"):
        rows = EntryDelivery.objects.filter(entry=entries[state]).values("outbound")
        OutboundMessage.objects.filter(pk__in=rows).update(
            state=state, last_error="550 5.7.1 recusada pelo destino"
        )
    for receipt in ("delivered", "read"):
        rows = EntryDelivery.objects.filter(entry=entries[receipt]).values("outbound")
        OutboundMessage.objects.filter(pk__in=rows).update(receipt=receipt)
    arrive(bounce(outbound_of(entries["bounced"]).message_id, "marina@trigal.example"))
    arrive(
        subject="Férias", in_reply_to=outbound_of(entries["sent"]).message_id, text="Volto dia 30.",
        headers={"Auto-Submitted": "auto-replied"},
    )  # fmt: skip
    later = timezone.now() + timedelta(hours=2)
    trio.set_trio(rich, actor=livia, now="Série 2 em correção", next_step="Reenviar a nota 1932", when=later)
    kept = files.new_attachment(b"1. abra a nota", name="passo a passo.txt", content_type="text/plain")
    kept.save()
    conversation.reply(rich, actor=livia, text="Segue em anexo o **passo a passo**.", attachments=[kept])
