"""A05, A12, R-148: type by content, safe names, pictures only written anew."""

import io
import re
import struct
import subprocess
import sys
import zipfile
import zlib
from email.message import Message

import pytest
from PIL import Image

from helpdesk.lib import files
from helpdesk.lib.files import ImageRefused, content_disposition, reencode_image, safe_filename, sniff_type


def picture(kind: str, *, mode: str = "RGB", size: tuple[int, int] = (8, 6), **options) -> bytes:
    output = io.BytesIO()
    Image.new(mode, size).save(output, kind, **options)
    return output.getvalue()


def archive(*names: str) -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as target:
        for name in names:
            target.writestr(name, "x")
    return output.getvalue()


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"></svg>'
HTML = b"<!doctype html><script>alert(1)</script>"
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

PAIRS = [  # name, declared type, real bytes, found, served
    ("foto.png", "image/png", picture("PNG"), "image/png", "image/png"),
    ("foto.png", "image/png", picture("JPEG"), "image/jpeg", "image/jpeg"),
    ("foto.gif", "text/html", picture("GIF"), "image/gif", "image/gif"),
    ("foto.webp", "", picture("WEBP"), "image/webp", "image/webp"),
    ("foto.bmp", "image/bmp", picture("BMP"), "image/bmp", "image/bmp"),
    ("foto.png", "image/svg+xml", SVG, "image/svg+xml", files.OCTET_STREAM),
    ("foto.png", "image/png", SVG, "image/svg+xml", files.OCTET_STREAM),
    ("x.svg", "image/png", b"\xef\xbb\xbf <?xml version='1.0'?>" + SVG, "image/svg+xml", files.OCTET_STREAM),
    ("x.svg", "image/svg+xml", b"<!-- c -->" + SVG, "text/html", files.OCTET_STREAM),
    ("nota.pdf", "application/pdf", PDF, "application/pdf", "application/pdf"),
    ("nota.pdf", "application/pdf", HTML, "text/html", files.OCTET_STREAM),
    ("nota.pdf", "application/pdf", b"\n\n  <HTML><body>", "text/html", files.OCTET_STREAM),
    ("nota.txt", "text/plain", b"oi <script src=x>", "text/html", files.OCTET_STREAM),
    ("nota.txt", "text/plain", "<html>".encode("utf-16"), "text/html", files.OCTET_STREAM),
    ("nfe.xml", "text/xml", b"<?xml version='1.0'?><nfeProc/>", "application/xml", files.OCTET_STREAM),
    ("nota.txt", "text/plain", "Olá, até amanhã".encode(), "text/plain", "text/plain; charset=utf-8"),
    ("log.txt", "text/plain", b"BM the first letters of a bitmap", "text/plain", "text/plain; charset=utf-8"),
    ("latin.txt", "text/plain", "ação".encode("latin-1"), "text/plain", "text/plain; charset=utf-8"),
    ("dados.csv", "application/vnd.ms-excel", b"a;b\n1;2", "text/csv", "text/csv; charset=utf-8"),
    ("a", "text/calendar; method=X", b"BEGIN:VCALENDAR", "text/calendar", "text/calendar; charset=utf-8"),
    ("app.js", "text/plain", b"alert(1)", "text/javascript", files.OCTET_STREAM),
    ("a.txt", "application/javascript", b"alert(1)", "text/javascript", files.OCTET_STREAM),
    ("run.txt", "text/plain", b"#!/bin/sh\nrm", "text/javascript", files.OCTET_STREAM),
    ("x.php.png", "image/png", b"<?php system(1);", "text/html", files.OCTET_STREAM),
    ("a.zip", "application/pdf", archive("a.txt"), "application/zip", "application/zip"),
    ("a.docx", "", archive("[Content_Types].xml", "_rels/.rels", "word/document.xml"), DOCX, DOCX),
    ("a.xlsx", "", archive("[Content_Types].xml", "_rels/.rels", "xl/workbook.xml"), XLSX, XLSX),
    ("a.docx", DOCX, archive("evil.html"), "application/zip", "application/zip"),
    ("a.xls", "application/vnd.ms-excel", OLE, "application/vnd.ms-excel", "application/vnd.ms-excel"),
    ("setup.pdf", "application/pdf", b"MZ\x90" + b"\0" * 60, "application/x-msdownload", files.OCTET_STREAM),
    ("x.bin", "text/html", b"\x01\x02\x03\0\x05", files.OCTET_STREAM, files.OCTET_STREAM),
    ("page.html", "image/png", b"hello", "text/plain", "text/plain; charset=utf-8"),
    ("vazio.pdf", "application/pdf", b"", files.OCTET_STREAM, files.OCTET_STREAM),
]


@pytest.mark.parametrize(("name", "declared", "content", "found", "served"), PAIRS)
def test_type_comes_from_the_content(name, declared, content, found, served):
    assert sniff_type(content, name, declared) == found
    assert files.download_type(found) == served


def test_nothing_active_is_on_the_list_of_download_types():
    assert len(PAIRS) >= 30
    active = re.compile(r"html|svg|xml$|javascript|ecmascript|flash|rfc822|x-sh|font", re.IGNORECASE)
    assert [kind for kind in files.DOWNLOAD_TYPES if active.search(kind)] == []


@pytest.mark.parametrize(
    ("content_type", "answer"),
    [("image/png", True), ("image/jpeg", True), ("image/svg+xml", False), ("image/tiff", False), ("", False)],
)
def test_is_raster_image(content_type, answer):
    assert files.is_raster_image(content_type) is answer


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("relatório final.pdf", "relatório final.pdf"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\win.ini", "win.ini"),
        ("C:\\temp\\nota.pdf", "nota.pdf"),
        ("nota.pdf/", "nota.pdf"),
        ("a\x00.pdf", "a.pdf"),
        ("fatura\u202efdp.exe", "faturafdp.exe"),
        ("\u200b.htaccess", "htaccess"),
        ("\ufeff../\u200d.htaccess", "htaccess"),
        (".htaccess", "htaccess"),
        ("...", "attachment"),
        ("", "attachment"),
        (" / ", "attachment"),
        ("CON", "_CON"),
        ("con.txt", "_con.txt"),
        ("LPT1.tar.gz", "_LPT1.tar.gz"),
        ("console.txt", "console.txt"),
        ("a\r\nBcc: x@evil.test.pdf", "a Bcc_ x@evil.test.pdf"),
        ("a\u2028b.pdf", "ab.pdf"),
        ('a"b<c>d|e?f*.txt', "a_b_c_d_e_f_.txt"),
        ("fim. ", "fim"),
        ("\ud800x.txt", "x.txt"),
        ("e\u0301.txt", "é.txt"),
    ],
)
def test_safe_filename(name, safe):
    assert safe_filename(name) == safe
    assert safe_filename(safe) == safe


def test_long_names_are_trimmed_with_their_extension():
    assert safe_filename("a" * 300 + ".pdf") == "a" * 116 + ".pdf"
    assert safe_filename("a" * 300) == "a" * 120
    assert safe_filename("x." + "y" * 300) == "x." + "y" * 118
    emoji = safe_filename("😀" * 300 + ".pdf")
    assert emoji.endswith("😀.pdf")
    assert len(emoji.encode()) <= 200


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a.pdf", "attachment; filename=\"a.pdf\"; filename*=UTF-8''a.pdf"),
        ("ação 1.pdf", "attachment; filename=\"acao 1.pdf\"; filename*=UTF-8''a%C3%A7%C3%A3o%201.pdf"),
        ('a"; x="\\\r\nB: b.pdf', "attachment; filename=\"B_ b.pdf\"; filename*=UTF-8''B_%20b.pdf"),
        ("50%.pdf", "attachment; filename=\"50_.pdf\"; filename*=UTF-8''50%25.pdf"),
        ("日本", "attachment; filename=\"attachment\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC"),
    ],
)
def test_content_disposition(name, header):  # RFC 6266, A12, A18
    assert content_disposition(name) == header


def test_content_disposition_is_read_back_by_a_mime_parser():
    message = Message()
    message["Content-Disposition"] = content_disposition("às 9h; cópia.pdf", inline=True)
    assert message.get_content_disposition() == "inline"
    assert message.get_filename() == "as 9h; copia.pdf"
    _, (charset, _, value) = message.get_params(header="Content-Disposition")[-1]
    assert value.encode("latin-1").decode(charset) == "às 9h; cópia.pdf"


def test_reencode_writes_a_smaller_picture_without_metadata():
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    data = picture("JPEG", size=(400, 200), exif=exif)
    assert b"secret place" in data
    small, kind = reencode_image(data, 100)
    assert kind == "image/jpeg"
    assert b"secret place" not in small
    assert Image.open(io.BytesIO(small)).size == (100, 50)


def test_reencode_turns_by_exif_and_keeps_transparency():
    exif = Image.Exif()
    exif[0x0112] = 6
    turned, _ = reencode_image(picture("JPEG", size=(40, 20), exif=exif), 100)
    assert Image.open(io.BytesIO(turned)).size == (20, 40)
    clear, kind = reencode_image(picture("PNG", mode="RGBA"), 100)
    assert kind == "image/png"
    assert Image.open(io.BytesIO(clear)).mode == "RGBA"


@pytest.mark.parametrize("mode", ["P", "L", "LA", "1", "I;16"])
def test_reencode_takes_every_common_mode(mode):
    assert reencode_image(picture("PNG", mode=mode), 100)[1] in files.RASTER_IMAGES


def test_reencode_drops_what_hides_behind_a_picture():
    data = picture("GIF") + HTML
    assert b"script" not in reencode_image(data, 100)[0]


def png_header(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = b"IDAT" + zlib.compress(b"\0" * 1000)
    chunks = b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in (header, body)
    )
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.mark.parametrize(
    "data",
    [b"", b"x", SVG, PDF, png_header(30_000, 30_000), png_header(8, 8)[:40], picture("TIFF"), b"BM\0\0\0"],
)
def test_reencode_refuses_what_is_no_picture_or_a_bomb(data):
    with pytest.raises(ImageRefused):
        reencode_image(data, 100)


def test_a_bomb_is_refused_within_the_memory_of_a_killable_child():
    program = (
        "import resource\n"
        "from tests.helpdesk.lib.test_files import png_header\n"
        "from helpdesk.lib.files import reencode_image, ImageRefused\n"
        "resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20))\n"
        "try:\n    reencode_image(png_header(10_000, 8_000), 800)\n"
        "except ImageRefused as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "the picture has more than 40000000 pixels\n"
