"""Decides what is shown of a whole mail: its head, and one document for a sandboxed frame (A01, A03).

Run as a program (`python -m channels_inbox.whole_mail`) it does so under hard limits, apart from the web process:
whoever opens a hostile mail costs that program its time and memory, not the desk (A22). It knows no Django, no
database and no secret; in: a line of JSON and the mail, out: JSON.
"""

import json
import resource
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from channels_inbox.mime import parse_email
from helpdesk.lib.html import clean_mail_html, sandbox_document, text_to_html

MOST_PEOPLE = 20
Person = dict[str, str]


@dataclass(frozen=True)
class WholeMail:
    """`date` in ISO form or ''; `remote`: how many pictures of foreign hosts the mail names."""

    subject: str
    from_name: str
    from_address: str
    to: list[Person]
    cc: list[Person]
    date: str
    remote: int
    document: str


def look_at(raw: bytes, *, cid_urls: Mapping[str, str]) -> WholeMail:
    """Return what is shown of a mail: the HTML with its looks, else the text as it came. Pure."""
    mail = parse_email(raw)
    source = mail.html or f"<pre>{text_to_html(mail.text)}</pre>"
    return WholeMail(
        subject=mail.subject,
        from_name=mail.from_name or "",
        from_address=mail.from_address or "",
        to=_people(mail.to),
        cc=_people(mail.cc),
        date=mail.date.isoformat() if mail.date else "",
        remote=clean_mail_html(mail.html).remote_images if mail.html else 0,
        document=sandbox_document(source, cid_urls=cid_urls, title=mail.subject),
    )


def _people(mailboxes: Any) -> list[Person]:
    return [{"name": each.name, "address": each.address} for each in mailboxes[:MOST_PEOPLE]]


def main() -> None:
    """Set the limits the first line names, then read the mail behind it."""
    asked = json.loads(sys.stdin.buffer.readline())
    for limit, most in (
        (resource.RLIMIT_AS, asked["memory"]),
        (resource.RLIMIT_CPU, asked["cpu"]),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))
    shown = look_at(sys.stdin.buffer.read(), cid_urls=asked["cid_urls"])
    sys.stdout.buffer.write(json.dumps(asdict(shown)).encode("ascii"))


if __name__ == "__main__":
    main()
