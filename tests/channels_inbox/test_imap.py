"""Fetching from real mailboxes: nothing lost, nothing doubled, no flag touched (R-127, reliability 1.4)."""

import threading
import uuid
from datetime import datetime, timedelta

import pytest
from django.db import connection

from channels_inbox import imap as imap_module
from channels_inbox.adapters.base import CredentialsRefused
from channels_inbox.imap import check_mailbox, fetch_mailbox
from channels_inbox.imap_session import MailboxCut, MailboxError
from channels_inbox.inbox import payload_of, process_due, try_again
from channels_inbox.models import Channel, InboundMessage
from channels_inbox.polling import channels_to_poll, poll
from helpdesk.lib.durable import LeaseLost
from tests.mails import mail
from tests.peers.imap_server import running_imap
from tickets.models import ThreadEntry, Ticket

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return f"caixa-{uuid.uuid4().hex[:8]}"


def subjects() -> list[str]:
    while process_due():
        pass
    return list(ThreadEntry.objects.order_by("id").values_list("subject", flat=True))


def mails(*names: str) -> list[bytes]:
    return [mail(subject=name) for name in names]


def test_new_mail_becomes_rows_once_and_no_flag_changes(imap, mailbox, user):
    channel = mailbox(imap, user)
    imap.append(user, *mails("um", "dois"))
    assert poll(channel) == 2
    assert poll(channel) == 0
    imap.append(user, *mails("três"))
    imap.mark_all_seen(user)  # somebody reads it elsewhere first: \Seen is no truth
    assert poll(channel) == 1
    assert subjects() == ["um", "dois", "três"]
    imap.append(user, *mails("quatro"))
    assert poll(channel) == 1
    assert imap.seen(user)[-1] is False
    channel.refresh_from_db()
    assert channel.cursor["folder"] == "INBOX"
    assert channel.cursor["uid"] == 4
    assert channel.failing_since is None
    assert channel.last_success_at is not None
    assert channel.poll_lease_until is None


def test_bytes_arrive_as_they_were_sent(imap, mailbox, user):
    raw = mail(text="linha\n" * 2000, files=(("x.bin", "application/octet-stream", bytes(range(256)) * 50),))
    channel = mailbox(imap, user)
    imap.append(user, raw)
    poll(channel)
    assert payload_of(InboundMessage.objects.get()) == raw


def test_more_than_one_batch(imap, mailbox, user):
    channel = mailbox(imap, user)
    imap.append(user, *mails(*(f"n{number}" for number in range(45))))
    assert poll(channel) == 45
    assert InboundMessage.objects.count() == 45


def test_new_uidvalidity_reads_again_and_doubles_nothing(imap, mailbox, user):
    channel = mailbox(imap, user)
    imap.append(user, *mails("um", "dois", "três"))
    poll(channel)
    before = Channel.objects.get(pk=channel.pk).cursor
    imap.renew_uidvalidity(user)
    imap.append(user, *mails("depois"))
    assert poll(channel) == 1
    after = Channel.objects.get(pk=channel.pk).cursor
    assert after["uidvalidity"] != before["uidvalidity"]
    assert "since" not in after
    assert InboundMessage.objects.filter(imported=True).count() == 0
    assert subjects() == ["um", "dois", "três", "depois"]


def test_rescan_reaches_back_thirty_days_only(imap, mailbox, user):
    channel = mailbox(imap, user)
    now = datetime.now().astimezone()
    imap.append(user, *mails("antigo"), arrived=now - timedelta(days=40))
    imap.append(user, *mails("de ontem"), arrived=now - timedelta(days=3))
    imap.append(user, *mails("agora"))
    assert poll(channel) == 2
    # at the first poll, mail from before is history: nobody is told that it arrived
    assert list(InboundMessage.objects.order_by("id").values_list("imported", flat=True)) == [True, False]


@pytest.mark.django_db(transaction=True)
def test_two_pollers_are_harmless(imap, mailbox, user):
    channel = mailbox(imap, user)
    imap.append(user, *mails(*(f"n{number}" for number in range(30))))
    results: list[int] = []

    def run() -> None:
        results.append(fetch_mailbox(Channel.objects.get(pk=channel.pk)))  # without the lease, on purpose
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 2
    assert InboundMessage.objects.count() == 30
    assert Channel.objects.get(pk=channel.pk).cursor["uid"] == 30


def test_only_the_holder_of_the_lease_polls_and_a_lost_lease_stores_nothing(imap, mailbox, user):
    channel = mailbox(imap, user)
    imap.append(user, *mails("um"))
    other = uuid.uuid4()
    channel.poll_lease_token = uuid.uuid4()
    Channel.objects.filter(pk=channel.pk).update(poll_lease_token=other)
    with pytest.raises(LeaseLost):
        fetch_mailbox(channel)
    assert InboundMessage.objects.count() == 0
    assert Channel.objects.get(pk=channel.pk).cursor == {}


def test_lease_keeps_others_away_until_it_runs_out(scripted, mailbox, user, travel):
    from helpdesk.lib.durable import in_seconds

    channel = mailbox(scripted, user)
    scripted.append(user, *mails("um"))
    Channel.objects.filter(pk=channel.pk).update(
        poll_lease_until=in_seconds(300), poll_lease_token=uuid.uuid4()
    )
    assert poll(channel) == 0
    assert channel not in channels_to_poll()
    travel(seconds=301)  # its holder was killed
    assert channel in channels_to_poll()
    assert poll(channel) == 1


def test_oversized_mail_is_quarantined_in_sight(imap, mailbox, user, settings):
    settings.MAX_MAIL_BYTES = 20_000
    channel = mailbox(imap, user, move_to="Tratados")
    imap.append(
        user, mail(subject="enorme", text="x" * 70 + "\n" + "y" * 70 + "\n" + "linha grande\n" * 3000)
    )
    imap.append(user, mail(subject="pequeno"))
    imap.append(user, folder="Tratados")
    assert poll(channel) == 2
    held = InboundMessage.objects.get(state="dead")
    assert "MB" in held.last_error
    assert b"Subject: enorme" in payload_of(held)
    assert b"linha grande" not in payload_of(held)
    assert subjects() == ["pequeno"]
    assert imap.count(user) == 1  # the original stays on the server
    imap.renew_uidvalidity(user)
    assert poll(channel) == 0  # recognised again
    assert try_again(held)
    assert subjects() == ["pequeno", "enorme"]  # a person may answer its sender


def test_move_after_commit_is_best_effort(imap, mailbox, user):
    channel = mailbox(imap, user, move_to="Nao-Existe")
    imap.append(user, *mails("um"))
    assert poll(channel) == 1
    assert Channel.objects.get(pk=channel.pk).failing_since is None
    assert imap.count(user) == 1
    imap.append(user, folder="Nao-Existe")
    imap.append(user, *mails("dois"))
    assert poll(channel) == 1
    assert imap.count(user) == 1
    assert imap.count(user, "Nao-Existe") == 1


def test_cut_in_the_middle_resumes(scripted, mailbox, user, monkeypatch):
    monkeypatch.setattr(imap_module, "BATCH_MAILS", 2)
    channel = mailbox(scripted, user)
    scripted.append(user, *mails("um", "dois", "três", "quatro"))
    scripted.cut_in_uid = 4
    with pytest.raises(MailboxCut):
        fetch_mailbox(channel)
    assert InboundMessage.objects.count() == 2
    assert Channel.objects.get(pk=channel.pk).cursor["uid"] == 2
    assert poll(channel) == 2
    assert subjects() == ["um", "dois", "três", "quatro"]


def test_a_mail_the_server_cannot_read_holds_up_nobody(scripted, mailbox, user):
    channel = mailbox(scripted, user)
    scripted.append(user, *mails("um", "estragado", "três"))
    scripted.refuse_uids = {2}
    assert poll(channel) == 3
    held = InboundMessage.objects.get(state="dead")
    assert held.last_error
    assert subjects() == ["um", "três"]


def test_unasked_answers_of_the_server_are_ignored(scripted, mailbox, user):
    channel = mailbox(scripted, user)
    scripted.chatter = True
    scripted.append(user, *mails("um", "dois"))
    assert poll(channel) == 2


def test_client_peeks_and_asks_sizes_first(scripted, mailbox, user):
    channel = mailbox(scripted, user)
    scripted.append(user, *mails("um"))
    poll(channel)
    fetches = [command for command in scripted.commands if command.startswith("UID FETCH")]
    assert "RFC822.SIZE" in fetches[0]
    assert "BODY" not in fetches[0]
    assert all("BODY.PEEK[" in command for command in fetches[1:])
    assert not any("STORE" in command or "\\Seen" in command for command in scripted.commands)
    assert any(command.startswith("EXAMINE") for command in scripted.commands)
    assert not any(command.startswith("SELECT") for command in scripted.commands)


def test_refused_password_says_so_and_rests(imap, mailbox, user, travel):
    channel = mailbox(imap, user, password="errada")
    with pytest.raises(CredentialsRefused):
        fetch_mailbox(channel)
    assert poll(channel) == 0
    channel.refresh_from_db()
    assert "refuses" in channel.last_error or "recusa" in channel.last_error
    assert channel.failing_since is not None
    assert channel.alarmed_at is not None  # waiting does not help: people are told at once
    assert "errada" not in channel.last_error
    assert channel not in channels_to_poll()  # a server locks accounts that are tried too often
    travel(seconds=301)
    assert channel in channels_to_poll()


def test_unknown_folder_is_a_sentence(imap, mailbox, user):
    channel = mailbox(imap, user, imap_folder="Fantasma")
    with pytest.raises(MailboxError):
        fetch_mailbox(channel)
    steps = check_mailbox(channel)
    assert [worked for _step, worked, _sentence in steps] == [True, False]


def test_check_mailbox_names_the_step_that_fails(imap, mailbox, user):
    imap.append(user, *mails("um"))
    assert all(worked for _step, worked, _sentence in check_mailbox(mailbox(imap, user)))
    assert [worked for _s, worked, _t in check_mailbox(mailbox(imap, user, password="errada"))] == [False]
    assert "Fantasma" in check_mailbox(mailbox(imap, user, move_to="Fantasma"))[-1][2]


@pytest.mark.parametrize(
    "options", [{"imap_folder": "INBOX\r\nA1 DELETE INBOX"}, {"user": "a\r\nb"}, {"imap_host": ""}]
)
def test_settings_with_line_breaks_reach_no_server(scripted, mailbox, user, options):
    channel = mailbox(scripted, user, **options)  # A18
    with pytest.raises(MailboxError):
        fetch_mailbox(channel)
    assert not any("DELETE" in command for command in scripted.commands)


@pytest.mark.parametrize("certificate", [{"days": -1}, {"host": "outro.example"}, {"signed": False}])
def test_a_certificate_that_does_not_convince_is_refused(authority, mailbox, user, certificate):
    with running_imap(authority, name="bad", **certificate) as server:  # A25
        channel = mailbox(server, user)
        assert poll(channel) == 0
        channel.refresh_from_db()
        assert channel.failing_since is not None
        assert server.commands == []


def test_a_target_that_is_not_allowed_is_never_reached(scripted, mailbox, user, settings):
    channel = mailbox(scripted, user)
    settings.EGRESS_ALLOW = []  # A06: loopback is no mail server unless the operator says so
    assert [worked for _s, worked, _t in check_mailbox(channel)] == [False]
    assert scripted.commands == []


def test_plain_connection_needs_the_operator(mailbox, user, scripted, settings):
    channel = mailbox(scripted, user, imap_security="none")
    settings.EGRESS_ALLOW = []
    with pytest.raises(MailboxError, match="EGRESS_ALLOW"):
        fetch_mailbox(channel)


def test_one_mail_in_two_mailboxes_is_two_arrivals(imap, mailbox, user):
    raw = mail(subject="para dois setores", to="suporte@presteza.example, financeiro@presteza.example")
    channel = mailbox(imap, user)
    imap.append(user, raw)
    poll(channel)
    other = Channel.objects.get(key="email-financeiro")
    other.options, other.sealed_credentials = channel.options, channel.sealed_credentials
    other.save()
    assert poll(other) == 1
    subjects()
    assert ThreadEntry.objects.count() == 2
    assert Ticket.objects.count() >= 1
