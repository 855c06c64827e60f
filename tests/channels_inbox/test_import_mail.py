"""Old mail comes in as history, through the same inbox: new, repeated, quarantined are counted (R-420)."""

import io
import os
import re
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from channels_inbox.mail_files import find_mails
from channels_inbox.models import InboundMessage, OutboundMessage
from tests.mails import mail
from tickets.models import ThreadEntry, Ticket
from tickets.reactions import react_due

pytestmark = pytest.mark.django_db


@pytest.fixture
def imported(desk):
    def run(path: Path, *options: str) -> str:
        out = io.StringIO()
        call_command("import_mail", str(path), "--channel", "email-suporte", *options, stdout=out, stderr=out)
        while react_due():
            pass
        return out.getvalue()

    return run


def numbers(summary: str) -> list[int]:
    first = summary.strip().splitlines()[0]
    return [int(part.split()[0]) for part in first.split(", ")]


def maildir(home: Path, *mails: bytes, name: str = "Maildir") -> Path:
    for folder in ("cur", "new", "tmp"):
        (home / name / folder).mkdir(parents=True)
    for number, raw in enumerate(mails):
        (home / name / ("cur" if number % 2 else "new") / f"17.{number}.host:2,S").write_bytes(
            raw.replace(b"\r\n", b"\n")
        )
    (home / name / "tmp" / "half").write_bytes(b"Subject: half")
    (home / name / "dovecot-uidlist").write_bytes(b"3 V1 N3")
    return home / name


def mbox(path: Path, *mails: bytes) -> Path:
    text = b""
    for raw in mails:
        body = re.sub(rb"^(>*From )", rb">\1", raw.replace(b"\r\n", b"\n"), flags=re.MULTILINE)
        text += b"From marina@trigal.example Tue Nov 24 12:00:00 2026\n" + body + b"\n"
    path.write_bytes(text)
    return path


def test_maildir_mbox_and_eml_give_the_same_mail(tmp_path, imported):
    raws = [mail(subject=f"n{number}", text="corpo\n\nFrom aqui em diante\n") for number in range(4)]
    (tmp_path / "eml" / "2024").mkdir(parents=True)
    for number, raw in enumerate(raws):
        (tmp_path / "eml" / "2024" / f"{number}.eml").write_bytes(raw)
    (tmp_path / "eml" / "notas.txt").write_bytes(b"no mail")
    assert numbers(imported(tmp_path / "eml")) == [4, 4, 0, 0]
    # the same mails by other roads are recognised, whatever line ends their files have
    assert numbers(imported(maildir(tmp_path, *raws))) == [4, 0, 4, 0]
    assert numbers(imported(mbox(tmp_path / "velho.mbox", *raws))) == [4, 0, 4, 0]
    assert Ticket.objects.count() == 4


def test_history_is_marked_and_nobody_is_told(tmp_path, imported):
    imported(maildir(tmp_path, mail(), mail(sender="Outra <outra@x.example>")))
    assert Ticket.objects.filter(imported=True).count() == 2
    assert not OutboundMessage.objects.exists()
    assert ThreadEntry.objects.filter(kind="customer").count() == 2


def test_acknowledge_treats_it_as_mail_of_today(tmp_path, imported):
    imported(maildir(tmp_path, mail()), "--acknowledge")
    assert not Ticket.objects.filter(imported=True).exists()
    assert OutboundMessage.objects.filter(purpose="auto").count() == 1


def test_too_large_is_counted_as_quarantined(tmp_path, imported, settings):
    settings.MAX_MAIL_BYTES = 10_000
    place = maildir(tmp_path, mail(subject="enorme", text="linha\n" * 9000), mail())
    summary = imported(place)
    assert numbers(summary) == [2, 2, 0, 1]
    held = InboundMessage.objects.get(state="dead")
    assert f"#{held.pk}" in summary
    assert numbers(imported(place)) == [2, 0, 2, 0]


def test_only_storing_leaves_the_work_to_the_workers(tmp_path, imported):
    summary = imported(maildir(tmp_path, mail()), "--no-process")
    assert not Ticket.objects.exists()
    assert InboundMessage.objects.get().state == "new"
    assert len(summary.split(", ")) == 5


def test_unreadable_files_are_named_and_stop_nothing(tmp_path, imported):
    place = tmp_path / "pasta"
    place.mkdir()
    (place / "a.eml").write_bytes(mail())
    (place / "b.eml").symlink_to("/etc/hostname")
    (place / "c.eml").mkdir()
    assert numbers(imported(place)) == [1, 1, 0, 0]


def test_nothing_there_or_no_such_channel(tmp_path, desk):
    with pytest.raises(CommandError):
        call_command("import_mail", str(tmp_path / "x"), "--channel", "email-suporte")
    with pytest.raises(CommandError, match="email-suporte"):
        call_command("import_mail", str(tmp_path), "--channel", "nada")


def test_nested_maildirs_and_odd_mboxes(tmp_path):
    maildir(tmp_path / "conta", mail(), name="Maildir")
    maildir(tmp_path / "conta" / "Maildir", mail(), name=".Enviados")
    odd = mbox(
        tmp_path / "conta" / "Sent",
        mail(text="a"),
        b"Subject: sem corpo\n",
        mail(text="From - linha\n>From - citada\n"),
    )
    found = list(find_mails(tmp_path / "conta"))
    assert len(found) == 5
    last = list(find_mails(odd))[-1]
    assert b"\r\nFrom - linha\r\n" in last.raw
    assert not [each for each in found if each.error]
    assert list(find_mails(tmp_path / "empty")) == []


def test_pipe_among_the_mails_is_passed_over(tmp_path):
    # A22: it would be waited for, forever; and a link leads outside the folder
    (tmp_path / "a.eml").write_bytes(mail())
    os.mkfifo(tmp_path / "b.eml")
    os.mkfifo(tmp_path / "b.mbox")
    (tmp_path / "c.eml").symlink_to("/etc/passwd")
    assert [Path(found.source).name for found in find_mails(tmp_path)] == ["a.eml"]
