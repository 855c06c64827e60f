"""Loads the sample mails: invented people and servers, in the shapes real programs write."""

from pathlib import Path

from channels_inbox.mime import ParsedEmail, parse_email

FOLDER = Path(__file__).parent / "samples"
NAMES = sorted(path.stem for path in FOLDER.glob("*.eml"))


def raw_sample(name: str, *, crlf: bool = False) -> bytes:
    """Bytes of a sample with the line ends of a maildir, or of IMAP and SMTP."""
    raw = (FOLDER / f"{name}.eml").read_bytes()
    return raw.replace(b"\n", b"\r\n") if crlf else raw


def sample(name: str) -> ParsedEmail:
    return parse_email(raw_sample(name, crlf=True))
