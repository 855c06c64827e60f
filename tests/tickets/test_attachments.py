"""Files and whole mails leave for whom may read them, and never run on the way (R-148, A01, A03, A05, A07, A12)."""

import io

import pytest
from django.core import signing
from django.test import Client
from django.urls import reverse
from PIL import Image

from channels_inbox import confined
from channels_inbox.files import new_attachment, path_of
from tests.mails import mail
from tickets import conversation, original_mail
from tickets.attachments import file_response
from tickets.models import Draft, DraftFile, EntryAttachment, ThreadEntry
from tickets.tracking import mint_link

pytestmark = pytest.mark.django_db(transaction=True)


def png(*, size=(40, 30), extra=b"") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, "PNG")
    return out.getvalue() + extra


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<html><body><script>alert(1)</script></body></html>"
XML = b"<?xml version='1.0'?><x/>"
OCTETS = "application/octet-stream"
# name, declared type, real bytes, type it is served as
PAIRS = [
    ("foto.png", "image/svg+xml", SVG, OCTETS),
    ("foto.png", "image/png", SVG, OCTETS),
    ("foto.svg", "image/svg+xml", SVG, OCTETS),
    ("foto.jpg", "image/jpeg", HTML, OCTETS),
    ("nota.pdf", "application/pdf", HTML, OCTETS),
    ("nota.txt", "text/plain", HTML, OCTETS),
    ("nota.html", "text/html", HTML, OCTETS),
    ("nota.htm", "text/plain", b"<!doctype html><p>oi", OCTETS),
    ("nota.xhtml", "application/xhtml+xml", XML, OCTETS),
    ("nota.xml", "application/xml", XML, OCTETS),
    ("nota.xml", "text/xml", b"<nfe><a/></nfe>", None),
    ("a.js", "text/javascript", b"alert(1)", OCTETS),
    ("a.txt", "text/javascript", b"var a = 1", OCTETS),
    ("a.mjs", "application/javascript", b"export default 1", OCTETS),
    ("a.css", "text/css", b"body{background:url(//x)}", "text/plain; charset=utf-8"),
    ("a.exe", "application/x-msdownload", b"MZ\x90\x00" + b"\0" * 60, OCTETS),
    ("a.png", "image/png", b"MZ\x90\x00" + b"\0" * 60, OCTETS),
    ("a.png", "image/png", png(), "image/png"),
    ("a.gif", "image/gif", png(), "image/png"),
    ("a.html", "text/html", png(), "image/png"),
    ("polyglot.png", "image/png", png(extra=HTML), "image/png"),
    ("gifar.gif", "image/gif", b"GIF89a/*<script>*/=1;" + b"\0" * 30, "image/gif"),
    ("a.pdf", "application/pdf", b"%PDF-1.7 /JS (app.alert(1))", "application/pdf"),
    ("a.zip", "application/zip", b"PK\x03\x04" + b"\0" * 40, "application/zip"),
    ("a.docx", "text/html", b"PK\x03\x04" + b"\0" * 40, "application/zip"),
    ("a.csv", "text/csv", b"a;b\n1;2\n", "text/csv; charset=utf-8"),
    ("a.txt", "text/html", "acentuação".encode(), "text/plain; charset=utf-8"),
    ("a.swf", "application/x-shockwave-flash", b"FWS\x09" + b"\0" * 60, OCTETS),
    ("a.hta", "application/hta", b"<hta:application>", None),
    ("a", "", b"", OCTETS),
]


@pytest.mark.parametrize(("name", "declared", "content", "served"), PAIRS)
@pytest.mark.parametrize("show", [False, True])
def test_strangers_files_never_run_here(name, declared, content, served, show, db):  # A05, R-148
    row = new_attachment(content, name=name, content_type=declared)
    answer = file_response(row, show=show)
    inline = answer["Content-Disposition"].startswith("inline")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert not any(word in answer["Content-Type"] for word in ("html", "svg", "xml", "script"))
    if served is not None and not inline:
        assert answer["Content-Type"] == served
    if inline:  # only pictures, and only as we wrote them
        assert show
        assert answer["Content-Type"] in ("image/png", "image/jpeg")
        assert b"script" not in answer.content
        assert answer.content != content
    else:
        assert answer["Content-Disposition"].startswith("attachment")
        assert answer.content == content


def test_names_are_safe_in_the_header(db):  # A12, RFC 6266
    row = new_attachment(b"x", name='relatório "final"\r\nSet-Cookie: a=b\u202e.pdf', content_type="")
    header = file_response(row)["Content-Disposition"]
    assert header.isascii()
    assert "\r" not in header
    assert "\n" not in header
    assert "filename*=UTF-8''" in header


def test_file_the_disk_lost_is_not_found(arrive, person, client):
    entry = arrive(files=(("a.txt", "text/plain", b"sumiu"),))
    client.force_login(person("livia"))
    attachment = EntryAttachment.objects.get(entry=entry)
    path_of(attachment.file.sha256).unlink()
    assert client.get(reverse("tickets:attachment", args=[attachment.pk])).status_code == 404


def test_staff_file_follows_the_ticket(arrive, person, client):  # A07
    entry = arrive(files=(("a.txt", "text/plain", b"conteudo"),))
    url = reverse("tickets:attachment", args=[EntryAttachment.objects.get(entry=entry).pk])
    assert client.get(url).status_code == 302  # to the login
    client.force_login(person("livia"))
    assert client.get(url).content == b"conteudo"
    client.force_login(person("caio", department="financeiro"))
    foreign, absent = client.get(url), client.get(reverse("tickets:attachment", args=[999999]))
    assert (foreign.status_code, foreign.content) == (absent.status_code, absent.content)
    assert foreign.status_code == 404


def test_foreign_and_absent_files_cost_the_same(arrive, person, client, django_assert_num_queries):  # A07
    entry = arrive(files=(("a.txt", "text/plain", b"conteudo"),))
    client.force_login(person("caio", department="financeiro"))
    url = reverse("tickets:attachment", args=[EntryAttachment.objects.get(entry=entry).pk])
    client.get(url)
    for each in (url, reverse("tickets:attachment", args=[999999])):
        with django_assert_num_queries(5):
            client.get(each)


def test_draft_file_is_its_authors(arrive, person, client):  # A27
    ticket = arrive().ticket
    livia, caio = person("livia"), person("caio")
    row = new_attachment(b"rascunho", name="r.txt", content_type="text/plain")
    row.save()
    kept = DraftFile.objects.create(draft=Draft.objects.create(user=livia, ticket=ticket), file=row)
    url = reverse("tickets:draft_file", args=[kept.pk])
    client.force_login(livia)
    assert client.get(url).content == b"rascunho"
    client.force_login(caio)
    assert client.get(url).status_code == 404
    client.force_login(livia)
    livia.memberships.all().delete()
    assert client.get(url).status_code == 404  # A08: the right to the ticket is gone


def test_customer_gets_public_files_only(arrive, person):
    ticket = arrive(files=(("foto.png", "image/png", png()),)).ticket
    other = arrive(sender="Otávio <otavio@trigal.example>", files=(("b.txt", "text/plain", b"dele"),))
    secret = new_attachment(b"interno", name="i.txt", content_type="text/plain")
    secret.save()
    note = conversation.add_note(ticket, actor=person("livia"), text="nota", attachments=[secret])
    client, path = Client(), reverse("portal:ticket", args=[ticket.protocol])
    client.get(mint_link(ticket, ticket.contact).removeprefix("http://127.0.0.1:8000"))
    mine = EntryAttachment.objects.get(entry__ticket=ticket, entry__kind="customer")
    assert client.get(f"{path}arquivos/{mine.pk}/")["Content-Disposition"].startswith("attachment")
    shown = client.get(f"{path}arquivos/{mine.pk}/?ver=1")
    assert shown["Content-Disposition"].startswith("inline")
    for hidden in (note.attachments.get(), EntryAttachment.objects.get(entry=other)):
        assert client.get(f"{path}arquivos/{hidden.pk}/").status_code == 404
    assert Client().get(f"{path}arquivos/{mine.pk}/").status_code == 404


WHOLE = (
    '<style>p{background:url(https://rastreio.example/a)} @import "//rastreio.example/b";</style>'
    '<p style="color:#c00;background:url(//rastreio.example/c)">Olá</p><img src="cid:logo1">'
    '<img src="https://rastreio.example/p.png"><img srcset="//rastreio.example/q 2x" src="//rastreio.example/q">'
    '<script>alert(1)</script><form action="https://rastreio.example/"><input name=a></form>'
    '<link rel=stylesheet href="//rastreio.example/d"><meta http-equiv=refresh content="0;url=//rastreio.example/">'
)


def with_logo() -> bytes:
    raw = mail(html=WHOLE, files=(("logo.png", "image/png", png()),))
    attached = b'Content-Disposition: attachment; filename="logo.png"'
    return raw.replace(attached, b"Content-ID: <logo1>\r\n" + attached.replace(b"attachment", b"inline"))


def test_whole_mail_is_framed_and_loads_nothing_of_others(arrive, person, client):  # A01, A03
    entry = arrive(with_logo())
    client.force_login(person("livia"))
    page = client.get(reverse("tickets:original", args=[entry.pk]))
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page.content.decode()
    assert "srcdoc" not in page.content.decode()
    assert "Imagens remotas bloqueadas" in page.content.decode()
    frame = client.get(reverse("tickets:original_frame", args=[entry.pk]))
    policy = frame["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-popups")
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert frame["X-Frame-Options"] == "SAMEORIGIN"
    body = frame.content.decode()
    assert "rastreio.example" not in body
    assert "<script" not in body
    assert "<form" not in body
    assert "Olá" in body
    source = body.split('src="')[1].split('"')[0]
    picture = Client().get(source.removeprefix("http://127.0.0.1:8000"))  # the frame has no cookie
    assert picture["Content-Type"] in ("image/png", "image/jpeg")
    assert picture["Content-Security-Policy"].startswith("sandbox")


def test_whole_mail_and_its_bytes_follow_the_ticket(arrive, person, client):  # A07
    raw = mail(text="linha\n.\nfim")
    entry = arrive(raw)
    names = ("original", "original_frame", "original_raw")
    urls = [reverse(f"tickets:{name}", args=[entry.pk]) for name in names]
    assert {client.get(url).status_code for url in urls} == {302}
    client.force_login(person("caio", department="financeiro"))
    assert {client.get(url).status_code for url in urls} == {404}
    client.force_login(person("livia"))
    assert {client.get(url).status_code for url in urls} == {200}
    answer = client.get(urls[2])
    assert answer.content == raw
    assert answer["Content-Type"] == OCTETS
    assert answer["Content-Disposition"].startswith("attachment")
    assert ".eml" in answer["Content-Disposition"]


def test_mail_that_costs_too_much_is_not_shown_and_can_be_downloaded(arrive, person, client, monkeypatch):
    # A22: read by a program of its own, whose limits bite
    entry = arrive(mail(text="caro demais\n" * 400_000))
    client.force_login(person("livia"))
    monkeypatch.setattr(confined, "MEMORY_BYTES", 8 * 1024 * 1024)
    page = client.get(reverse("tickets:original", args=[entry.pk]))
    assert page.status_code == 422
    assert "Este e-mail não é mostrado aqui" in page.content.decode()
    assert reverse("tickets:original_raw", args=[entry.pk]) in page.content.decode()
    assert "<iframe" not in page.content.decode()
    frame = client.get(reverse("tickets:original_frame", args=[entry.pk]))
    assert (frame.status_code, frame.content) == (422, b"")
    assert frame["Content-Security-Policy"].startswith("sandbox")
    assert client.get(reverse("tickets:original_raw", args=[entry.pk])).status_code == 200


def test_entries_without_a_mail_have_no_original(arrive, person, client):
    ticket, livia = arrive().ticket, person("livia")
    reply = conversation.reply(ticket, actor=livia, text="oi")
    client.force_login(livia)
    assert client.get(reverse("tickets:original", args=[reply.pk])).status_code == 404


def test_picture_addresses_end_and_cannot_be_made(arrive, monkeypatch, db):  # A13
    entry = arrive(with_logo())
    attachment = EntryAttachment.objects.get(entry=entry)
    good = signing.dumps(attachment.pk, salt=original_mail.PICTURE_SALT)
    bad = signing.dumps(attachment.pk, salt="other")
    for value, status in ((good, 200), (bad, 404), (str(attachment.pk), 404)):
        assert Client().get(reverse("tickets:original_picture", args=[value])).status_code == status
    monkeypatch.setattr(original_mail, "PICTURE_SECONDS", -1)
    assert Client().get(reverse("tickets:original_picture", args=[good])).status_code == 404


def test_signed_picture_serves_pictures_only(arrive):
    entry = arrive(files=(("a.txt", "text/plain", b"segredo"),))
    signed = signing.dumps(EntryAttachment.objects.get(entry=entry).pk, salt=original_mail.PICTURE_SALT)
    assert Client().get(reverse("tickets:original_picture", args=[signed])).status_code == 404
    assert ThreadEntry.objects.filter(inbound__isnull=False).count() == 1
