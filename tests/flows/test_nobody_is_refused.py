"""Whoever writes, whatever they owe or leave out, is taken: no code path refuses a message (R-001, R-003, R-148)."""

import io
import zipfile

import pytest

from channels_inbox.files import read
from channels_inbox.models import InboundMessage
from helpdesk.people.models import Contact, Organization
from tests.mails import mail
from tickets.identification import identify_customer
from tickets.models import ThreadEntry, Ticket

pytestmark = pytest.mark.django_db

LETTERS = {
    "ordinary": mail(),
    "no sender": mail(sender=""),
    "no subject": mail(subject=""),
    "no words": mail(text=""),
    "a robot": mail(headers={"Auto-Submitted": "auto-generated"}),
    "a list": mail(headers={"Precedence": "bulk"}),
    "a bounce of nothing of ours": mail(sender="MAILER-DAEMON@x.example", headers={"Return-Path": "<>"}),
    "an own mailbox": mail(sender="financeiro@presteza.example"),
    "a forged number": mail(subject="Re: [26-1]", in_reply_to="nunca@vista.example"),
    "no mail at all": b"\x00\xff\xfe garbage without a header",
    "nothing": b"",
    "a name too long": mail(sender=f"{'x' * 5000} <marina@trigal.example>"),
    "an address too long": mail(sender=f"{'m' * 400}@trigal.example"),
    "a subject too long": mail(subject="s" * 5000),
}


@pytest.mark.parametrize("name", LETTERS)
def test_every_letter_is_exactly_one_entry_on_a_ticket(arrive, name):
    # R-001, I1
    arrive(LETTERS[name])
    assert list(InboundMessage.objects.values_list("state", "last_error")) == [("done", "")]
    assert ThreadEntry.objects.filter(inbound__isnull=False).count() == Ticket.objects.count() == 1


def test_nothing_known_of_the_customer_stands_in_the_way(arrive):
    # unknown, of no company, without a name, and a hundred letters old
    ticket = arrive(sender="sem-nome@trigal.example").ticket
    assert ticket.identification_pending
    Contact.objects.update(not_a_customer=True)
    for number in range(5):
        arrive(sender="sem-nome@trigal.example", subject=f"outra vez {number}")
    assert Ticket.objects.count() == 6


def test_the_mark_stands_until_name_company_and_request_are_there(arrive, person):
    #
    livia, ticket = person("livia"), arrive(sender="marina@trigal.example").ticket
    for name, company, nobody, pending in [
        ("Marina", "", False, True),
        ("", "Trigal", False, True),
        ("Marina", "Trigal", False, False),
        ("Marina", "", False, True),  # taken back: the mark is there again
        ("Marina", "", True, False),  # «Não é cliente» is an answer too
    ]:
        ticket = identify_customer(
            ticket, actor=livia, name=name, organization=company, not_a_customer=nobody
        )
        assert ticket.identification_pending == pending, (name, company, nobody)
    assert Organization.objects.count() == 1


def test_the_next_ticket_of_an_identified_customer_has_no_mark(arrive, person):
    #
    ticket = arrive(sender="Marina Prado <marina@trigal.example>").ticket
    identify_customer(
        ticket, actor=person("livia"), name="Marina Prado", organization="trigal", not_a_customer=False
    )
    assert not arrive(sender="marina@trigal.example", subject="De novo").ticket.identification_pending


def bomb(depth: int = 3) -> bytes:
    """A zip in a zip in a zip whose unpacked size is beyond anything a desk should hold."""
    content = b"0" * (20 * 1024 * 1024)
    for level in range(depth):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(1 if level == 0 else 4):
                archive.writestr(f"{number}.zip", content)
        content = packed.getvalue()
    return content


def test_files_are_what_they_contain_and_are_never_unpacked(arrive):
    # R-148, A05
    packed = bomb()
    entry = arrive(
        mail(
            files=(
                ("boleto.pdf", "application/pdf", b"<!doctype html><script>alert(1)</script>"),
                ("fotos.zip", "application/zip", packed),
                ("../../etc/cron.d/x.sh", "text/plain", b"echo oi"),
            )
        )
    )
    by_name = {each.file.name: each.file for each in entry.attachments.select_related("file")}
    assert by_name["boleto.pdf"].content_type == "text/html"  # named as what it is: never served as a page
    assert by_name["fotos.zip"].size == len(packed)  # as it came
    assert read(by_name["fotos.zip"].sha256) == packed
    assert "/" not in "".join(by_name)
    assert len(by_name) == 3
