"""What holds for every mail of any bytes: nothing raised, everything storable, nothing disguised."""

import hashlib
import re
from datetime import UTC

from channels_inbox.mail import limits
from channels_inbox.mime import ParsedEmail

# Line breaks, controls, bidirectional overrides, zero-width marks (A12, A18)
_NOT_IN_A_LINE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")


def read_everything(mail: ParsedEmail) -> dict[str, object]:
    """All facts by name, checked."""
    check_files(mail)
    for line in header_lines(mail):
        assert not _NOT_IN_A_LINE.search(line), ascii(line)
    for text in (mail.text, mail.html):
        assert not _NOT_STORABLE.search(text)
    assert mail.date is None or mail.date.tzinfo is UTC
    assert len(mail.to) <= limits.MAILBOXES
    assert len(mail.references) <= limits.REFERENCES
    assert not [defect for defect in mail.defects if defect.startswith("unreadable")]
    return {
        "lines": header_lines(mail),
        "text": mail.text,
        "html": mail.html,
        "date": mail.date,
        "attachments": [(one.name, one.content_type, one.inline) for one in mail.attachments],
        "automatic": (mail.is_auto_reply, mail.is_list, mail.is_forward),
        "report": (mail.is_bounce, mail.is_delay, mail.is_receipt),
        "bounce": mail.bounce,
    }


def header_lines(mail: ParsedEmail) -> list[str]:
    boxes = [*mail.to, *mail.cc, *mail.reply_to, mail.sender, (mail.from_name, mail.from_address)]
    lines = [text for box in boxes for text in box]
    lines += [mail.subject, mail.message_id, mail.in_reply_to, *mail.references, mail.auto_reason]
    lines += [*mail.authentication_results, *mail.delivered_to, *mail.x_original_to, *mail.defects]
    for one in mail.attachments:
        lines += [one.name, one.content_type, one.content_id]
    if mail.bounce:
        lines += [mail.bounce.recipient, mail.bounce.status, mail.bounce.action, mail.bounce.diagnostic]
        lines.append(mail.bounce.original_message_id)
    return lines


def check_files(mail: ParsedEmail) -> None:
    assert len(mail.attachments) <= limits.PARTS + limits.DEPTH
    for one in mail.attachments:
        assert one.name not in ("", ".", "..")
        assert not set(one.name) & set('/\\<>:"|?*')
        assert len(one.name) <= limits.FILE_NAME_CHARS
        assert len(one.name.encode()) <= limits.FILE_NAME_BYTES
        assert (one.size, one.sha256) == (len(one.content), hashlib.sha256(one.content).hexdigest())
