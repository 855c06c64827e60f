"""Decides which files of a folder are mails: maildir, mbox and .eml, nested in any way (R-420)."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HEAD_BYTES = 5
MAILDIR_FOLDERS = ("cur", "new")
MBOX_ENDINGS = (".mbox", ".mbx")


@dataclass(frozen=True)
class MailFile:
    """One raw mail and how many bytes of its source have been read with it. `error`: why it could not be read."""

    raw: bytes
    source: str
    size: int
    error: str = ""


def find_mails(path: Path) -> Iterator[MailFile]:
    """Yield every mail below a path: a maildir, an mbox, a folder of .eml, or one such file, in stable order."""
    for file, kind in find_files(path):
        try:
            if kind == "mbox":
                yield from _mbox(file)
            else:
                raw = file.read_bytes()
                yield MailFile(with_crlf(raw), str(file), len(raw))
        except OSError as error:
            yield MailFile(b"", str(file), 0, error=error.strerror or type(error).__name__)


def find_files(path: Path) -> Iterator[tuple[Path, str]]:
    """Yield (file, `mail` or `mbox`) below a path; links are not followed, maildir's `tmp` is left alone."""
    if path.is_file():
        yield path, "mbox" if _is_mbox(path) else "mail"
        return
    for folder, names, files in os.walk(path):
        names.sort()
        in_maildir = Path(folder).name in MAILDIR_FOLDERS
        if {"cur", "new"} <= set(names):
            names[:] = [name for name in names if name != "tmp"]
        for name in sorted(files):
            file = Path(folder, name)
            if file.is_symlink() or not file.is_file():  # a pipe or device would be waited for, forever
                continue
            if in_maildir or name.lower().endswith(".eml"):
                yield file, "mail"
            elif name.lower().endswith(MBOX_ENDINGS) or _is_mbox(file):
                yield file, "mbox"


def total_bytes(path: Path) -> int:
    """Return how many bytes `find_mails` will read, for a progress bar."""
    return sum(file.stat().st_size for file, _kind in find_files(path) if file.exists())


def with_crlf(raw: bytes) -> bytes:
    """Return the mail with the line ends it travels with, so that a mail fetched by IMAP too is recognised."""
    return raw if b"\r\n" in raw else raw.replace(b"\n", b"\r\n")


def _is_mbox(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(HEAD_BYTES) == b"From "
    except OSError:
        return False


def _mbox(file: Path) -> Iterator[MailFile]:
    """Split at `From ` after an empty line (mboxrd: `>From ` loses one mark); the last line end is the mbox's."""
    lines: list[bytes] = []
    size, empty_before, begun = 0, True, False
    with file.open("rb") as opened:
        for line in opened:
            if line.startswith(b"From ") and empty_before:
                if begun:
                    yield _mbox_mail(lines, file, size)
                lines, size, begun = [], 0, True
            elif begun:
                lines.append(
                    line[1:] if line.lstrip(b">").startswith(b"From ") and line[:1] == b">" else line
                )
            size += len(line)
            empty_before = line in (b"\n", b"\r\n")
    if begun:
        yield _mbox_mail(lines, file, size)


def _mbox_mail(lines: list[bytes], file: Path, size: int) -> MailFile:
    if lines and lines[-1] in (b"\n", b"\r\n"):
        lines = lines[:-1]
    return MailFile(with_crlf(b"".join(lines)), str(file), size)
