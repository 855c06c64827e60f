"""Stopped rows: people see why, download the original, try again, or settle them by hand; all of it audited."""

import pytest
from django.urls import reverse

from channels_inbox import outbox
from channels_inbox.adapters.email import mail_envelope
from channels_inbox.inbox import payload_of, process_due, store
from channels_inbox.models import Channel, InboundMessage, OutboundMessage, Replay
from channels_inbox.tasks import replay_inbound
from helpdesk.people.models import AuditEntry
from tests.mails import mail
from tickets.by_hand import make_ticket
from tickets.models import EntryAttachment, Reaction, ThreadEntry, Ticket
from tickets.reactions import react_due

pytestmark = pytest.mark.django_db


@pytest.fixture
def dead(desk) -> InboundMessage:
    store(Channel.objects.get(key="email-suporte"), [mail_envelope(mail(subject="quebrado"))])
    InboundMessage.objects.update(state="dead", attempts=6, last_error="ParseError: partes demais")
    return InboundMessage.objects.get()


def act(room, row, verb, **data):
    model = row._meta
    return room.post(reverse(f"admin:{model.app_label}_{model.model_name}_{verb}", args=[row.pk]), data)


def kinds() -> list[str]:
    return list(AuditEntry.objects.order_by("id").values_list("kind", flat=True))


def test_dead_rows_stand_first_with_their_reason(room, dead):
    page = room.get(reverse("admin:channels_inbox_inboundmessage_changelist"))
    assert [row.pk for row in page.context["cl"].result_list] == [dead.pk]
    assert "partes demais" in page.content.decode()
    others = room.get(reverse("admin:channels_inbox_inboundmessage_changelist") + "?state=new")
    assert list(others.context["cl"].result_list) == []


def test_the_original_is_downloaded_as_a_file_that_runs_nothing(room, dead):
    # A05
    answer = room.get(reverse("admin:channels_inbox_inboundmessage_raw", args=[dead.pk]))
    assert answer.content == payload_of(dead)
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"].startswith("sandbox")
    assert kinds() == ["inboundmessage_downloaded"]


def test_a_dead_row_is_tried_again(room, dead):
    assert act(room, dead, "try_again").status_code == 302
    assert process_due() == 1
    assert Ticket.objects.get().subject == "quebrado"
    act(room, dead, "try_again")  # settled meanwhile: nothing
    assert kinds() == ["inboundmessage_tried_again"]


def test_a_ticket_is_made_by_hand_with_the_original_attached(room, dead):
    # nothing that arrived is lost
    answer = act(room, dead, "by_hand", address="Marina@Trigal.example")
    ticket = Ticket.objects.get()
    assert answer["Location"] == reverse("tickets:ticket", args=[ticket.pk])
    entry = ThreadEntry.objects.get(ticket=ticket)
    assert entry.inbound_id == dead.pk
    assert ticket.contact.addresses.get().value == "marina@trigal.example"
    file = EntryAttachment.objects.get(entry=entry).file
    assert file.name.endswith(".eml")
    dead.refresh_from_db()
    assert dead.state == "done"
    while react_due():
        pass
    assert not OutboundMessage.objects.filter(purpose="auto").exists()  # nobody is written to
    assert kinds() == ["inboundmessage_by_hand"]


def test_a_ticket_by_hand_is_made_once_and_only_of_dead_rows(room, dead, boss):
    assert act(room, dead, "by_hand", address="nenhum endereço").status_code == 302
    assert not Ticket.objects.exists()
    act(room, dead, "by_hand")
    act(room, dead, "by_hand")
    assert make_ticket(dead, actor=boss) is None
    assert Ticket.objects.count() == 1


@pytest.fixture
def stuck(arrive) -> OutboundMessage:
    """A message that did not leave."""
    arrive()
    OutboundMessage.objects.update(state="failed", last_error="550 no such user", attempts=9)
    return OutboundMessage.objects.get()


def test_a_failed_message_is_sent_again_with_the_same_bytes(room, stuck):
    before = bytes(stuck.payload)
    assert act(room, stuck, "send_again").status_code == 302
    stuck.refresh_from_db()
    assert (stuck.state, stuck.attempts, bytes(stuck.payload)) == ("queued", 0, before)
    assert outbox.deliver_due() == 1
    assert kinds() == ["outboundmessage_sent_again"]


def test_an_uncertain_message_is_settled_by_a_person(room, stuck):
    OutboundMessage.objects.update(state="uncertain")
    page = room.get(reverse("admin:channels_inbox_outboundmessage_changelist"))
    assert [row.pk for row in page.context["cl"].result_list] == [stuck.pk]
    act(room, stuck, "arrived")
    stuck.refresh_from_db()
    assert stuck.state == "sent"
    act(room, stuck, "arrived")
    act(room, stuck, "send_again")
    stuck.refresh_from_db()
    assert stuck.state == "sent"
    assert kinds() == ["outboundmessage_arrived"]


def test_an_uncertain_message_may_be_sent_again(room, stuck):
    OutboundMessage.objects.update(state="uncertain")
    act(room, stuck, "send_again")
    stuck.refresh_from_db()
    assert stuck.state == "queued"


def test_a_dead_reaction_is_tried_again(room, arrive):
    arrive(react=False)
    Reaction.objects.filter(consumer="acknowledge").update(state="dead", last_error="ValueError", attempts=6)
    row = Reaction.objects.get(consumer="acknowledge")
    act(room, row, "try_again")
    while react_due():
        pass
    row.refresh_from_db()
    assert row.state == "done"
    assert kinds() == ["reaction_tried_again"]


def test_stopped_rows_are_never_edited(room, dead, stuck):
    for row in (dead, stuck):
        url = reverse(f"admin:channels_inbox_{row._meta.model_name}_change", args=[row.pk])
        assert (
            room.post(url, {"state": "done", "payload": "x", "recipient": "evil@x.example"}).status_code
            == 403
        )
        assert room.get(url.replace("change", "delete")).status_code == 404
    dead.refresh_from_db()
    assert dead.state == "dead"


# --- reading again (R-147) -------------------------------------------------------------------------------


def read_again(room, query: str = "?state=all", **data):
    return room.post(reverse("admin:channels_inbox_inboundmessage_replay") + query, data)


def test_chosen_rows_are_read_again_by_a_worker_and_followed_on_their_page(room, arrive, boss):
    #
    entry = arrive()
    arrive(sender="Bento <bento@beta.example>")
    answer = read_again(room, rows=[entry.inbound_id])
    asked = Replay.objects.get()
    assert answer["Location"] == reverse("admin:channels_inbox_replay_change", args=[asked.pk])
    assert (asked.wanted, asked.asked_by) == ([entry.inbound_id], boss)
    page = room.get(answer["Location"]).content.decode()
    assert 'hx-trigger="every 2s"' in page
    replay_inbound()
    fragment = room.get(reverse("admin:channels_inbox_replay_progress", args=[asked.pk])).content.decode()
    assert "hx-trigger" not in fragment
    assert "Sem novidade" in fragment
    assert kinds() == ["replay_asked"]
    assert AuditEntry.objects.get().after == {"messages": 1}


def test_all_that_the_filters_let_through_are_read_again(room, arrive, travel):
    #
    old = arrive()
    travel(days=3)
    new = arrive(sender="Bento <bento@beta.example>", department="financeiro")
    for query, wanted in [
        ("?state=done", [old.inbound_id, new.inbound_id]),
        (f"?state=all&channel={new.channel_id}", [new.inbound_id]),
        ("?state=done&days=1", [new.inbound_id]),
    ]:
        read_again(room, query, everything="on")
        assert Replay.objects.latest("id").wanted == wanted
        listed = room.get(reverse("admin:channels_inbox_inboundmessage_changelist") + query)
        assert sorted(row.pk for row in listed.context["cl"].result_list) == wanted


@pytest.mark.parametrize("rows", [[], ["999999"], ["abc"], [""]])
def test_nothing_or_what_the_list_does_not_show_is_refused(room, arrive, rows):
    arrive()
    answer = read_again(room, rows=rows)
    assert answer.status_code == 302
    assert not Replay.objects.exists()
    assert "Escolha as mensagens" in room.get(answer["Location"]).content.decode()


def test_a_row_outside_the_filter_is_not_read_by_naming_it(room, arrive):
    entry = arrive()
    read_again(room, "?state=dead", rows=[entry.inbound_id])
    assert not Replay.objects.exists()


def test_one_done_row_is_read_again_from_its_page(room, arrive):
    entry = arrive()
    url = reverse("admin:channels_inbox_inboundmessage_change", args=[entry.inbound_id])
    assert "Processar de novo" in room.get(url).content.decode()
    row = InboundMessage.objects.get()
    assert act(room, row, "read_again").status_code == 302
    assert Replay.objects.get().wanted == [row.pk]


@pytest.mark.parametrize("state", ["dead", "quarantined", "new", "ignored", "done", "all", "nonsense"])
def test_the_list_shows_each_state_within_twelve_statements(room, arrive, state, django_assert_max_num_queries):
    arrive()
    room.get(reverse("admin:index"))
    url = reverse("admin:channels_inbox_inboundmessage_changelist")
    with django_assert_max_num_queries(12):
        assert room.get(url, {"state": state}).status_code == 200
    with django_assert_max_num_queries(12):
        assert room.get(reverse("admin:channels_inbox_replay_changelist")).status_code == 200
