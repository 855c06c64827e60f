"""R-147: what arrived is read once more, by command and by a worker; nothing is ever doubled."""

from dataclasses import replace
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import translation

from channels_inbox import inbox, replay
from channels_inbox.adapters.base import Envelope
from channels_inbox.adapters.email import EmailAdapter, mail_envelope
from channels_inbox.models import Channel, InboundMessage, OutboundMessage, Replay
from helpdesk.people.models import AuditEntry
from tests.mails import mail
from tickets import link_requests
from tickets.models import EntryAttachment, MailReference, Reaction, ThreadEntry, Ticket, TicketEvent
from tickets.reactions import react_due

pytestmark = pytest.mark.django_db
FILES = (("nota.txt", "text/plain", b"uma nota"), ("foto.txt", "text/plain", b"outra"))


def counts() -> dict[str, int]:
    models = (ThreadEntry, Ticket, TicketEvent, Reaction, OutboundMessage, EntryAttachment, MailReference)
    return {model.__name__: model.objects.count() for model in models}


def settle() -> None:
    while inbox.process_due():
        pass
    while react_due():
        pass


def run(*words: str) -> str:
    out = StringIO()
    call_command("replay", *words, stdout=out)
    return out.getvalue()


def worse(monkeypatch, **facts) -> None:
    """Let the parser read less than it should, as before it was mended."""
    good = EmailAdapter.parse
    monkeypatch.setattr(EmailAdapter, "parse", lambda self, raw: replace(good(self, raw), **facts))


@pytest.fixture
def misread(arrive, monkeypatch) -> ThreadEntry:
    """An entry whose text, files and ids an earlier parser missed; the parser is mended now."""
    with monkeypatch.context() as earlier:
        worse(earlier, text="?", attachments=(), references=())
        return arrive(text="Não imprime.", files=FILES, references="<antes@trigal.example>")


def test_a_done_message_that_reads_the_same_changes_nothing(arrive):
    # a replay never doubles an entry, an acknowledgement or an event
    entry = arrive(files=FILES)
    before, audited = counts(), AuditEntry.objects.count()
    for _ in range(3):
        assert replay.read_again(entry.inbound_id, actor=None) == "same"
        settle()
    assert counts() == before
    assert AuditEntry.objects.count() == audited
    assert InboundMessage.objects.get().state == "done"


def test_what_a_mended_parser_finds_is_added_once(misread):
    #
    before = counts()
    assert misread.text == "?"
    assert replay.read_again(misread.inbound_id, actor=None) == "more"
    settle()
    misread.refresh_from_db()
    assert misread.text.strip() == "Não imprime."
    assert misread.ticket.preview == "Não imprime."
    assert sorted(each.file.name for each in misread.attachments.all()) == ["foto.txt", "nota.txt"]
    assert MailReference.objects.filter(message_id="antes@trigal.example", own=False).count() == 1
    changed = {"EntryAttachment": 2, "MailReference": before["MailReference"] + 1}
    assert counts() == {**before, **changed}  # no event, no notice, no second acknowledgement
    entry = AuditEntry.objects.get(kind="inboundmessage_read_again")
    assert entry.after == {"new": ["text", "files", "ids"]}
    assert replay.read_again(misread.inbound_id, actor=None) == "same"


def test_a_message_without_its_entry_becomes_one(arrive):
    # I1: an acknowledged message is exactly one entry, or stands visibly stopped
    arrive()
    lost = arrive(subject="outra", sender="Bento <bento@beta.example>")
    ThreadEntry.objects.filter(pk=lost.pk).update(inbound=None)
    assert replay.read_again(lost.inbound_id, actor=None) == "entry"
    assert ThreadEntry.objects.get(inbound_id=lost.inbound_id).subject == "outra"
    assert replay.read_again(lost.inbound_id, actor=None) == "same"


def test_a_request_for_a_link_is_answered_once(arrive):
    #
    arrive(sender="Marina <marina@trigal.example>")
    link_requests.ask("marina@trigal.example")
    settle()
    before = counts()
    row = InboundMessage.objects.latest("id")
    assert row.state == "done"
    assert replay.read_again(row.pk, actor=None) == "same"
    assert counts() == before


@pytest.mark.parametrize(
    ("state", "outcome"), [("new", "waiting"), ("ignored", "nobody"), ("gone", "nobody")]
)
def test_rows_that_need_no_reading_stay_as_they_are(desk, state, outcome):
    # reliability 1.6
    inbox.store(Channel.objects.get(key="email-suporte"), [mail_envelope(mail())])
    row = InboundMessage.objects.get()
    InboundMessage.objects.exclude(state=state).update(state=state if state != "gone" else "new")
    assert replay.read_again(row.pk if state != "gone" else row.pk + 1, actor=None) == outcome
    assert not Ticket.objects.exists()


def test_a_probe_that_is_read_again_does_not_come_back_once_more(desk):
    # only a probe that really arrived is back
    channel = Channel.objects.get(key="email-suporte")
    inbox.store(channel, [Envelope(b"f" * 32, "", b"x")])
    InboundMessage.objects.update(state="ignored")
    assert replay.read_again(InboundMessage.objects.get().pk, actor=None) == "nobody"
    assert Channel.objects.get(pk=channel.pk).probe_back_at is None


def test_what_cannot_be_read_says_so_and_stays(arrive, monkeypatch):
    entry = arrive()
    monkeypatch.setattr(EmailAdapter, "parse", lambda self, raw: 1 / 0)
    assert replay.read_again(entry.inbound_id, actor=None) == "unread"
    assert InboundMessage.objects.get().state == "done"


# --- the command -----------------------------------------------------------------------------------------


@pytest.fixture
def dead(desk) -> list[InboundMessage]:
    """Two dead rows and one in quarantine."""
    channel = Channel.objects.get(key="email-suporte")
    inbox.store(channel, [mail_envelope(mail(subject=each)) for each in ("um", "dois")])
    InboundMessage.objects.update(state="dead", attempts=6, last_error="ParseError")
    quarantined = mail_envelope(mail(subject="três"))
    inbox.store(channel, [Envelope(quarantined.fingerprint, "", quarantined.payload, quarantine="grande")])
    return list(InboundMessage.objects.order_by("id"))


def test_the_command_reads_dead_rows_again_and_sums_up(dead):
    #
    with translation.override("pt-br"):
        told = run("--channel", "email-suporte", "--state", "quarantined")
        assert told == "1 mensagem processada de novo (novas em chamado: 1)\n"
        assert run("--channel", "email-suporte") == "2 mensagens processadas de novo (novas em chamado: 2)\n"
        told = run("--channel", "email-suporte", "--state", "done")
        assert told == "3 mensagens processadas de novo (sem novidade: 3)\n"
        assert run("--channel", "email-suporte") == "0 mensagem processada de novo (sem novidade)\n"
    assert sorted(Ticket.objects.values_list("subject", flat=True)) == ["dois", "três", "um"]
    settle()
    assert OutboundMessage.objects.filter(purpose="auto").count() <= 3
    kinds = list(AuditEntry.objects.order_by("id").values_list("kind", flat=True))
    assert kinds.count("replay_asked") == 4
    assert kinds.count("inboundmessage_read_again") == 3


def test_the_command_looks_at_one_channel_since_a_moment(dead, travel):
    travel(days=2)
    inbox.store(Channel.objects.get(key="email-suporte"), [mail_envelope(mail(subject="depois"))])
    InboundMessage.objects.filter(state="new").update(state="dead", attempts=6)
    since = InboundMessage.objects.latest("id").received_at.isoformat()
    assert run("--channel", "email-financeiro").startswith("0 ")
    assert run("--channel", "email-suporte", "--since", since).startswith("1 ")
    assert Ticket.objects.get().subject == "depois"


def test_rows_that_stay_unread_are_named(dead, monkeypatch):
    monkeypatch.setattr(EmailAdapter, "parse", lambda self, raw: 1 / 0)
    told = run("--channel", "email-suporte")
    assert f"#{dead[0].pk}: ZeroDivisionError" in told
    dead[0].refresh_from_db()
    assert dead[0].state == "new"  # its attempts go on by themselves


@pytest.mark.parametrize(
    "words",
    [
        ["--channel", "nenhum"],
        ["--channel", "portal", "--since", "ontem"],
        ["--channel", "portal", "--state", "new"],
    ],
)
def test_words_nobody_understands_are_refused(desk, words):
    with pytest.raises(CommandError):
        run(*words)


# --- the worker ------------------------------------------------------------------------------------------


def test_a_worker_reads_all_and_keeps_the_figures(misread, arrive, person):
    #
    arrive(subject="igual", sender="Bento <bento@beta.example>")
    boss = person("renata", "admin", None)
    asked = replay.ask(InboundMessage.objects.all(), actor=boss)
    assert replay.replay_due()
    assert not replay.replay_due()
    asked.refresh_from_db()
    assert (asked.state, asked.position, asked.found) == ("done", 2, {"more": 1, "same": 1})
    assert asked.finished_at
    assert AuditEntry.objects.get(kind="inboundmessage_read_again").actor == boss


def test_a_long_replay_goes_on_where_it_was(arrive, person, monkeypatch):
    for number in range(3):
        arrive(sender=f"C{number} <c{number}@x.example>")
    asked = replay.ask(InboundMessage.objects.all(), actor=person("renata", "admin", None))
    monkeypatch.setattr(replay, "SECONDS", -1)
    replay.replay_due()
    asked.refresh_from_db()
    assert (asked.state, asked.position, asked.attempts) == ("new", 0, 0)
    monkeypatch.setattr(replay, "SECONDS", 15)
    replay.replay_due()
    asked.refresh_from_db()
    assert (asked.state, asked.found) == ("done", {"same": 3})


def test_a_replay_whose_worker_died_is_taken_up_by_the_sweep(arrive, person, travel):
    # I6
    arrive()
    asked = replay.ask(InboundMessage.objects.all(), actor=person("renata", "admin", None))
    assert Replay.objects.all().claim(1)
    assert not replay.replay_due()
    travel(seconds=5)
    assert Replay.release_expired() == 1  # the sweep's
    assert replay.replay_due()
    asked.refresh_from_db()
    assert (asked.state, asked.found) == ("done", {"same": 1})


def test_more_than_a_page_can_mean_is_refused(arrive, person, monkeypatch):
    arrive()
    monkeypatch.setattr(replay, "MOST_ROWS", 0)
    with pytest.raises(replay.TooMany):
        replay.ask(InboundMessage.objects.all(), actor=person("renata", "admin", None))
