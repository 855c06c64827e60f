"""Mail stopped arriving: who notices, when, and how it ends (R-149)."""

from datetime import UTC, datetime, timedelta

import pytest

from channels_inbox import probe, watch
from channels_inbox.adapters.email import mail_envelope
from channels_inbox.inbox import process_due, store
from channels_inbox.models import Channel, InboundMessage, OutboundMessage
from channels_inbox.outbox import deliver_due
from channels_inbox.polling import poll
from channels_inbox.silence import check_silence, is_silent
from tests.mails import mail
from tickets.models import ThreadEntry, Ticket

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)  # 11:00 in São Paulo, the desk is open


@pytest.fixture
def admins(person, settings):
    settings.EMAIL_BACKEND = "channels_inbox.account_mail.OutboxBackend"
    person("ana", "admin", None)
    person("livia", "agent")


@pytest.fixture
def broken(scripted, mailbox, admins):
    """A polled mailbox whose server is gone."""
    channel = mailbox(scripted, "suporte@presteza.example")
    channel.options["imap_port"] = 1
    channel.save()
    return channel


def notices() -> list[OutboundMessage]:
    return list(OutboundMessage.objects.filter(purpose="notify").order_by("id"))


@pytest.mark.parametrize(("minutes", "alarms"), [(14, 0), (16, 1)])
def test_failing_for_a_quarter_of_an_hour(broken, travel, minutes, alarms):
    poll(broken)
    travel(minutes=minutes)
    for _ in range(3):  # the sweep comes every 15 s; people are told once
        poll(broken)
        watch.check_channels()
    assert len(notices()) == alarms
    assert len(watch.troubled_channels()) == alarms


def test_alarm_goes_to_admins_by_another_channel_and_ends_once(broken, travel, scripted):
    poll(broken)
    travel(minutes=16)
    watch.check_channels()
    alarm = notices()[0]
    assert alarm.recipient == "ana@equipe.example"
    assert alarm.channel is None  # never by the broken channel
    assert "pararam de chegar" in alarm.subject
    assert watch.trouble_sentence(watch.troubled_channels()[0])
    broken.refresh_from_db()
    broken.options["imap_port"] = scripted.tls_port
    broken.save()
    poll(broken)
    for _ in range(2):
        watch.check_channels()
    assert watch.troubled_channels() == []
    assert len(notices()) == 2


def test_a_short_failure_that_heals_is_no_alarm(broken, travel, scripted):
    poll(broken)
    travel(minutes=10)
    broken.options["imap_port"] = scripted.tls_port
    broken.save()
    poll(broken)
    broken.options["imap_port"] = 1
    broken.save()
    poll(broken)
    travel(minutes=10)
    watch.check_channels()
    assert notices() == []


def test_a_channel_taken_out_of_use_has_no_alarm(broken, travel):
    poll(broken)
    travel(minutes=16)
    watch.check_channels()
    Channel.objects.filter(pk=broken.pk).update(enabled=False)
    watch.check_channels()
    assert watch.troubled_channels() == []
    assert Channel.objects.get(pk=broken.pk).alarmed_at is None


# --- silence ---------------------------------------------------------------------------------------------


@pytest.fixture
def steady(admins, travel):
    """Five weeks of mail every twenty minutes while open (8h to 18h, Monday to Friday), then nothing more."""
    channel = Channel.objects.get(key="email-suporte")

    def until(last: datetime) -> Channel:
        rows = []
        moment = last - timedelta(days=36)
        while moment <= last:
            if moment.weekday() < 5 and 11 <= moment.hour < 21:
                rows.append(moment)
            moment += timedelta(minutes=20)
        InboundMessage.objects.bulk_create(
            InboundMessage(
                channel=channel, fingerprint=str(at).encode(), payload=b"", state="done", received_at=at
            )
            for at in rows
        )
        Channel.objects.filter(pk=channel.pk).update(last_inbound_at=rows[-1])
        channel.refresh_from_db()
        return channel

    return until


def test_silence_of_an_open_morning_is_an_alarm(steady, travel):
    channel = steady(MONDAY - timedelta(days=3, hours=-6))  # the last mail came on Friday afternoon
    travel(to=MONDAY)
    assert check_silence() == [channel]
    assert check_silence() == []
    assert channel.pk in [each.pk for each in watch.troubled_channels()]
    assert len(notices()) == 1
    store(channel, [mail_envelope(mail())])  # mail flows again
    watch.check_channels()
    assert watch.troubled_channels() == []


@pytest.mark.parametrize(
    ("last", "now", "silent"),
    [
        (MONDAY - timedelta(minutes=119), MONDAY, False),  # at least two hours
        (MONDAY - timedelta(minutes=130), MONDAY, True),
        (MONDAY - timedelta(days=3), MONDAY - timedelta(days=1), False),  # a quiet Sunday
        (MONDAY - timedelta(hours=1), MONDAY + timedelta(hours=12), False),  # a quiet night
        (
            MONDAY - timedelta(days=3, hours=-6),
            MONDAY - timedelta(hours=3),
            False,
        ),  # 8h: weekends were ever so long
    ],
)
def test_only_what_was_never_usual_at_this_hour_is_silence(steady, travel, last, now, silent):
    channel = steady(last)
    travel(to=now)
    assert is_silent(channel) == silent


def test_a_young_or_rarely_used_channel_is_not_judged(admins, travel):
    channel = Channel.objects.get(key="email-comercial")
    store(channel, [mail_envelope(mail())])
    channel.refresh_from_db()
    travel(days=3)
    travel(to=MONDAY + timedelta(days=7))
    assert not is_silent(channel)


def test_other_inbound_channels_are_watched_too(admins, travel):
    channel = Channel.objects.get(key="portal")
    days = [MONDAY - timedelta(days=number) for number in range(1, 34)]
    InboundMessage.objects.bulk_create(
        InboundMessage(
            channel=channel, fingerprint=str(at).encode(), payload=b"", state="done", received_at=at
        )
        for at in days
    )
    Channel.objects.filter(pk=channel.pk).update(last_inbound_at=MONDAY - timedelta(days=1))
    travel(to=MONDAY + timedelta(hours=3))
    assert check_silence() == [channel]


# --- probes ----------------------------------------------------------------------------------------------


@pytest.fixture
def probed(admins):
    channel = Channel.objects.get(key="email-suporte")
    channel.options["probe"] = True
    channel.save()
    return channel


def sent_probe() -> OutboundMessage:
    return OutboundMessage.objects.filter(idem_key__startswith="probe:").order_by("-id")[0]


def test_a_probe_that_is_lost_raises_the_alarm_and_one_that_comes_back_ends_it(probed, travel):
    probe.run_probes()
    deliver_due()
    row = sent_probe()
    assert row.recipient == probed.address
    travel(minutes=9)
    probe.run_probes()
    assert notices() == [row]
    travel(minutes=2)
    for _ in range(2):
        probe.run_probes()
    assert Channel.objects.get(pk=probed.pk).alarm_reason == "probe"
    assert len(notices()) == 2
    store(probed, [mail_envelope(bytes(row.payload))])
    process_due()
    watch.check_channels()
    assert watch.troubled_channels() == []
    assert InboundMessage.objects.get().state == "ignored"  # probes are no tickets
    assert not Ticket.objects.exists()


def test_a_probe_an_hour(probed, travel):
    for _ in range(3):
        probe.run_probes()
    assert OutboundMessage.objects.filter(idem_key__startswith="probe:").count() == 1
    store(probed, [mail_envelope(bytes(sent_probe().payload))])
    process_due()
    travel(minutes=61)
    probe.run_probes()
    assert OutboundMessage.objects.filter(idem_key__startswith="probe:").count() == 2
    assert watch.troubled_channels() == []


@pytest.mark.parametrize("forgery", ["other channel", "signature", "never sent"])
def test_a_forged_probe_proves_nothing(probed, forgery, arrive):
    from channels_inbox.mailbox_ids import new_probe_id

    probe.run_probes()
    genuine = bytes(sent_probe().payload).decode()
    message_id = sent_probe().message_id
    forged = {
        "other channel": new_probe_id(probed.pk + 1, domain="presteza.example"),
        "signature": message_id[:-25] + "aaaaa" + message_id[-20:],
        "never sent": new_probe_id(probed.pk, domain="presteza.example"),
    }[forgery]
    arrive(genuine.replace(message_id, forged).encode())
    assert Channel.objects.get(pk=probed.pk).probe_back_at is None


def test_a_probe_that_was_refused_is_no_ticket_and_not_back(probed):
    probe.run_probes()
    row = sent_probe()
    bounce = mail(
        sender="MAILER-DAEMON@presteza.example",
        subject="Undelivered Mail Returned to Sender",
        text=f"<{probed.address}>: host mx said: 550 5.1.1 no such user",
        in_reply_to=row.message_id,
        headers={"Return-Path": "<>", "Auto-Submitted": "auto-replied"},
    )
    store(probed, [mail_envelope(bounce)])
    process_due()
    assert Channel.objects.get(pk=probed.pk).probe_back_at is None
    assert not ThreadEntry.objects.filter(kind="reply").exists()
