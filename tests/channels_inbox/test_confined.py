"""What one message may cost: both caps are set, both bite, and what was too costly is kept and seen (A22, rule 27)."""

import resource
import subprocess

import pytest

from channels_inbox import confined, inbox
from channels_inbox.adapters import adapter_classes
from channels_inbox.adapters.base import Adapter, Envelope, ParsedMessage
from channels_inbox.confined import ParseTooExpensive, parse_confined
from channels_inbox.models import Channel, InboundMessage
from helpdesk.lib.durable import RETRY_SECONDS
from tests.flows.poison import poison_adapter
from tests.mails import mail
from tickets.by_hand import make_ticket
from tickets.models import ThreadEntry, Ticket


class LimitsAdapter(Adapter):
    """Says under which limits it was asked to parse."""

    kind = "limits"
    label = "Limits"

    def parse(self, payload: bytes) -> ParsedMessage:
        cpu, memory = resource.getrlimit(resource.RLIMIT_CPU), resource.getrlimit(resource.RLIMIT_AS)
        return ParsedMessage(kind="message", sender=None, extra={"cpu": cpu, "memory": memory[0]})


@pytest.fixture
def quick(monkeypatch):
    """The CPU cap as one second, so that biting does not take five."""
    monkeypatch.setattr(confined, "CPU_SECONDS", 1)


@pytest.fixture
def poison(desk, quick, monkeypatch):
    monkeypatch.setitem(adapter_classes(), "poison", poison_adapter())
    return Channel.objects.create(key="poison", kind="poison", name="Poison")


def arrived(channel: Channel, *words: bytes) -> list[InboundMessage]:
    inbox.store(channel, [Envelope(word.ljust(32, b"."), "", word) for word in words])
    return list(InboundMessage.objects.order_by("id"))


def test_the_caps_are_five_seconds_and_512_megabytes():
    assert (confined.CPU_SECONDS, confined.MEMORY_BYTES) == (5, 512 * 1024 * 1024)
    used = confined._address_space()
    extra = parse_confined(LimitsAdapter(None), b"x", isolated=True).extra
    assert extra["cpu"] == (5, 6)
    assert used < extra["memory"] <= used + confined.MEMORY_BYTES + 64 * 1024 * 1024


@pytest.mark.parametrize("word", [b"burn", b"burn and swallow"])
@pytest.mark.parametrize("isolated", [False, True])
def test_the_cpu_cap_bites_here_and_in_the_child(quick, word, isolated):
    with pytest.raises(ParseTooExpensive):
        parse_confined(poison_adapter()(None), word, isolated=isolated)


@pytest.mark.parametrize("isolated", [False, True])
def test_the_memory_cap_bites_here_and_in_the_child(isolated):
    with pytest.raises(ParseTooExpensive):
        parse_confined(poison_adapter()(None), b"swell", isolated=isolated)
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY  # over with the message


def test_sudden_death_stays_in_the_child():
    with pytest.raises(ParseTooExpensive):
        parse_confined(poison_adapter()(None), b"die", isolated=True)


def test_large_messages_are_read_apart_at_once(monkeypatch):
    monkeypatch.setattr(confined, "ISOLATE_ABOVE_BYTES", 10)
    assert "cpu" in parse_confined(LimitsAdapter(None), b"x" * 11).extra
    assert parse_confined(LimitsAdapter(None), b"x" * 11).extra["cpu"] == (5, 6)
    assert parse_confined(LimitsAdapter(None), b"x").extra["cpu"] != (5, 6)


def test_a_child_hands_back_the_same_mail_and_the_same_error(desk):
    adapter = adapter_classes()["email"](Channel.objects.get(key="email-suporte"))
    raw = mail(cc="Bia <bia@trigal.example>", files=(("a.txt", "text/plain", b"anexo"),))
    assert parse_confined(adapter, raw, isolated=True) == parse_confined(adapter, raw)
    with pytest.raises(RuntimeError, match="não entendi"):
        parse_confined(poison_adapter()(None), b"break", isolated=True)


@pytest.mark.django_db
def test_a_costly_message_is_tried_apart_then_stands_as_dead_and_may_be_rescued(poison, travel, person):
    person("ada", "admin", None)
    (row,) = arrived(poison, b"burn")
    InboundMessage.objects.update(attempts=len(RETRY_SECONDS) - 1)  # four attempts are behind it
    assert inbox.process_due() == 1
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("new", len(RETRY_SECONDS))
    assert "CPU" in row.last_error
    assert inbox.process_due() == 0  # it waits
    travel(seconds=RETRY_SECONDS[-1] * 1.5 + 1)
    assert inbox.process_due() == 1
    row.refresh_from_db()
    assert row.state == "dead"
    assert inbox.payload_of(row) == b"burn"  # the raw message is kept
    # another attempt by a person, after the parser was mended
    assert inbox.try_again(row)
    InboundMessage.objects.update(payload=b"bom")
    assert inbox.process_due() == 1
    assert ThreadEntry.objects.get().text == "bom"


@pytest.mark.django_db
def test_rows_behind_slow_ones_go_back_untried_before_their_lease_ends(poison, settings):
    settings.LEASE_SECONDS = 2
    arrived(poison, b"burn: 1", b"burn: 2", b"bom: 1", b"bom: 2")
    assert inbox.process_due(4) == 4
    states = list(InboundMessage.objects.order_by("id").values_list("attempts", "lease_token"))
    assert states[0] == (1, None)
    assert states[-1] == (0, None)
    while inbox.process_due(4):
        pass
    assert set(ThreadEntry.objects.values_list("text", flat=True)) == {"bom: 1", "bom: 2"}
    assert InboundMessage.objects.filter(state="new", attempts=1).count() == 2


@pytest.mark.django_db
def test_a_ticket_by_hand_is_made_of_dead_rows_only(poison, person):
    # reliability 1.6: dead → done is the one move of this function
    boss = person("ada", "admin", None)
    for state in ("new", "done", "ignored", "dead"):
        (row,) = arrived(poison, state.encode())[-1:]
        InboundMessage.objects.filter(pk=row.pk).update(state=state)
        assert bool(make_ticket(row, actor=boss)) == (state == "dead")
        row.refresh_from_db()
        assert row.state == ("done" if state == "dead" else state)
    assert Ticket.objects.count() == 1


def test_a_whole_mail_is_read_by_a_program_of_its_own_that_knows_no_secret(monkeypatch):
    # A22: the web server's threads have no timer and may not fork
    monkeypatch.setenv("SECRET_KEY", "segredo")
    seen = []
    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *args, **more: seen.append(more["env"]) or run(*args, **more))
    shown = confined.look_apart(mail(subject="Nota", text="linha um"), cid_urls={})
    assert (shown.subject, shown.from_address) == ("Nota", "marina@trigal.example")
    assert "linha um" in shown.document
    assert [set(env) for env in seen] == [{"PATH", "PYTHONUTF8"}]


def test_a_whole_mail_waits_for_a_place_and_then_gives_up(quick):
    with confined._places, confined._places, pytest.raises(ParseTooExpensive):
        confined.look_apart(mail(), cid_urls={})
