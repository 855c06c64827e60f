"""Decides what is fetched from a mailbox and how far reading has come (R-127, reliability 1.4).

The cursor (folder, UIDVALIDITY, last UID) is for speed and moves in the same commit as the rows; the fingerprint is
for truth. When the cursor is worth nothing (first poll, other folder, new UIDVALIDITY) the last thirty days are read
again, and known mail adds no row.
"""

import hashlib
import logging
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from channels_inbox.adapters.base import CredentialsRefused, Envelope
from channels_inbox.imap_session import FolderState, ImapSession, Listed, MailboxCut, MailboxError
from channels_inbox.inbox import store
from channels_inbox.mime import fingerprint
from channels_inbox.models import Channel
from channels_inbox.oauth import access_token, uses_consent
from helpdesk.lib.clock import app_now
from helpdesk.lib.durable import in_seconds

logger = logging.getLogger(__name__)
BATCH_MAILS = 20
BATCH_BYTES = 20 * 1024 * 1024
POLL_SECONDS = 180  # no new batch after this; one batch more must still fit into the 240 s of the task
POLL_LEASE_SECONDS = 300
RESCAN = timedelta(days=30)
HISTORY = timedelta(days=1)  # at the first poll, older mail is history: nobody is told that it arrived
_CONTENT_FIELDS = re.compile(
    rb"^(?:Content-[!-9;-~]*|MIME-Version)[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*(?:\n|\Z)",
    re.IGNORECASE | re.MULTILINE,
)


def fetch_mailbox(channel: Channel) -> int:
    """Fetch what is new; return how many rows are new. The caller holds the poll lease (`polling.poll`).

    Raises `MailboxError` (a sentence; the next poll goes on), `CredentialsRefused`, `LeaseLost`. With consent, a
    session that ends because its token ran out is opened once more with a fresh one.
    """
    deadline = time.monotonic() + POLL_SECONDS
    new = 0
    for again in (uses_consent(channel), False):
        poll = _Poll(channel, deadline=deadline)
        try:
            poll.run()
        except MailboxCut:
            if not again:
                raise
            new += poll.new
        else:
            return new + poll.new
    raise AssertionError("unreachable")


def open_session(channel: Channel) -> ImapSession:
    """Return a signed-in session of a channel; a refused access token is renewed once. Raises as `fetch_mailbox`."""
    options = channel.options
    user = plain_word(options.get("user") or channel.address)
    token = access_token(channel) if uses_consent(channel) else ""
    for last in (not token, True):
        session = _connect(options)
        try:
            session.sign_in(user, password=channel.credentials.get("password", ""), token=token)
        except CredentialsRefused:
            session.close()
            renewed = "" if last else access_token(channel, refused=token)
            if renewed in {"", token}:
                raise
            token = renewed
        except MailboxError:
            session.close()
            raise
        else:
            return session
    raise AssertionError("unreachable")


def _connect(options: dict[str, Any]) -> ImapSession:
    return ImapSession(
        host=plain_word(options.get("imap_host") or ""),
        port=int(options.get("imap_port") or 993),
        security=options.get("imap_security") or "tls",
        cafile=options.get("cafile", ""),
    )


def plain_word(text: str) -> str:
    """Return a setting that goes into a protocol line. Raises `MailboxError` for control characters (A18)."""
    if not text or not text.isprintable():
        raise MailboxError(
            _("The settings of this mailbox are incomplete or contain characters that no server takes.")
        )
    return text


@dataclass
class _Poll:
    """One run over one folder."""

    channel: Channel
    deadline: float
    new: int = 0
    moved: list[int] = field(default_factory=list)

    def run(self) -> None:
        folder = plain_word(self.channel.options.get("imap_folder") or "INBOX")
        with open_session(self.channel) as session:
            state = session.examine(folder)
            cursor = _cursor(self.channel.cursor, folder=folder, state=state, now=app_now())
            since = date.fromisoformat(cursor["since"]) if "since" in cursor else None
            uids = session.uids_after(cursor["uid"], since=since)
            if self._store_all(session, uids, cursor):
                self._arrive(cursor, state)
            self._move_away(session, folder=folder, uidvalidity=state.uidvalidity)

    def _store_all(self, session: ImapSession, uids: list[int], cursor: dict[str, Any]) -> bool:
        """Store batch by batch, each with its cursor; False when the time was up before the end."""
        for batch in batches(session.list_mails(uids)):
            if time.monotonic() > self.deadline:
                return False
            envelopes = list(self._envelopes(session, batch, history=cursor.get("first", False)))
            cursor["uid"] = batch[-1].uid
            self._commit(envelopes, cursor)
            self.moved += [each.uid for each in batch if each.size <= settings.MAX_MAIL_BYTES]
        return True

    def _commit(self, envelopes: list[Envelope], cursor: dict[str, Any]) -> None:
        fence = self.channel.poll_lease_token
        lease = {"poll_lease_until": in_seconds(POLL_LEASE_SECONDS)} if fence else {}
        self.new += store(self.channel, envelopes, fence=fence, cursor=dict(cursor), **lease)
        self.channel.cursor = dict(cursor)

    def _arrive(self, cursor: dict[str, Any], state: FolderState) -> None:
        """A rescan is over: from now on the last UID says it all."""
        if "since" in cursor:
            last = max(cursor["uid"], state.uidnext - 1)
            self._commit([], {"folder": cursor["folder"], "uidvalidity": cursor["uidvalidity"], "uid": last})

    def _envelopes(self, session: ImapSession, batch: list[Listed], *, history: bool) -> Iterator[Envelope]:
        wanted = [each.uid for each in batch if each.size <= settings.MAX_MAIL_BYTES]
        mails = session.fetch(wanted) if wanted else {}
        old = app_now() - HISTORY
        for each in batch:
            imported = bool(history and each.arrived and each.arrived < old)
            if each.uid in mails:
                raw = mails[each.uid]
                yield Envelope(fingerprint(raw), "", raw, imported=imported)
            elif header := session.fetch_header(each.uid):
                yield left_behind(header, size=each.size, imported=imported)
            elif list(session.list_mails([each.uid])):  # still there, yet the server gives nothing of it
                mark = f"X-Presteza-Mailbox: {self.channel.pk}.{each.uid}\r\n".encode()
                yield left_behind(mark, size=each.size, imported=imported)

    def _move_away(self, session: ImapSession, *, folder: str, uidvalidity: int) -> None:
        """Optional tidiness after the commit; a failure changes nothing."""
        target = self.channel.options.get("move_to") or ""
        if not target or not self.moved:
            return
        try:
            session.move(self.moved, source=folder, target=plain_word(target), uidvalidity=uidvalidity)
        except MailboxError as error:
            logger.warning("mail of %s could not be moved: %s", self.channel.key, error)


def _cursor(known: dict[str, Any], *, folder: str, state: FolderState, now: datetime) -> dict[str, Any]:
    """Return where to go on; a cursor of another folder or UIDVALIDITY is worth nothing."""
    same_folder = known.get("folder") == folder
    if same_folder and known.get("uidvalidity") == state.uidvalidity:
        return dict(known)
    since = (now - RESCAN).date().isoformat()
    fresh = {"folder": folder, "uidvalidity": state.uidvalidity, "uid": 0, "since": since}
    return fresh if same_folder else {**fresh, "first": True}


def batches(mails: Iterator[Listed]) -> Iterator[list[Listed]]:
    """Group mails by at most 20 and 20 MB; a larger one goes alone."""
    batch: list[Listed] = []
    size = 0
    for each in mails:
        weight = each.size if each.size <= settings.MAX_MAIL_BYTES else 0
        if batch and (len(batch) >= BATCH_MAILS or size + weight > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(each)
        size += weight
    if batch:
        yield batch


def left_behind(header: bytes, *, size: int, imported: bool = False) -> Envelope:
    """Return a quarantined envelope for a mail that is not taken over: its header and a text that says why.

    "Try again" on the row makes a ticket of exactly this, so that the customer can be answered.
    """
    megabytes = -(-size // (1024 * 1024))
    limit = settings.MAX_MAIL_BYTES // (1024 * 1024)
    if size > settings.MAX_MAIL_BYTES:
        reason = _(
            "This mail has %(size)s MB, more than the %(limit)s MB that are taken. It stays where it is."
        )
    else:
        reason = _("The mail server does not hand this mail over (%(size)s MB). It stays where it is.")
    text = reason % {"size": megabytes, "limit": limit}
    kept = _CONTENT_FIELDS.sub(b"", header.replace(b"\r\n", b"\n")).strip(b"\n")
    extra = (
        f"\nX-Presteza-Left-On-Server: {size}\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
    )
    payload = (kept + extra.encode() + b"Content-Transfer-Encoding: 8bit\n\n" + text.encode() + b"\n").lstrip(
        b"\n"
    )
    recognised = hashlib.sha256(fingerprint(header) + str(size).encode()).digest()
    return Envelope(recognised, "", payload.replace(b"\n", b"\r\n"), imported=imported, quarantine=text)


def check_mailbox(channel: Channel) -> list[tuple[str, bool, str]]:
    """Try each step with the stored settings; return (step, worked, sentence) up to the first that fails."""
    steps: list[tuple[str, bool, str]] = []
    if channel.options.get("access"):
        steps += _check_reading(channel)
    if channel.options.get("smtp_host"):
        steps += _check_sending(channel)
    return steps or [
        (_("Fetching"), True, _("This channel fetches nothing: mail comes by webhook or the local port."))
    ]


def _check_reading(channel: Channel) -> list[tuple[str, bool, str]]:
    steps = []
    step = _("Sign-in")
    try:
        with open_session(channel) as session:
            steps.append((step, True, _("Connected with verified encryption and signed in.")))
            step = _("Folder")
            folder = plain_word(channel.options.get("imap_folder") or "INBOX")
            count = session.examine(folder).count
            steps.append(
                (step, True, _("“%(folder)s” holds %(count)s messages.") % {"folder": folder, "count": count})
            )
            target = channel.options.get("move_to")
            if target and not session.has_folder(plain_word(target)):
                steps.append(
                    (step, False, _("There is no folder “%(folder)s” to move mail to.") % {"folder": target})
                )
    except (MailboxError, CredentialsRefused) as error:
        steps.append((step, False, str(error)))
    return steps


def _check_sending(channel: Channel) -> list[tuple[str, bool, str]]:
    from channels_inbox.adapters import adapter_for
    from channels_inbox.adapters.base import DeliveryError

    try:
        connection = adapter_for(channel).transport().connect()  # type: ignore[attr-defined]  # imap.py serves mail channels only
    except (DeliveryError, CredentialsRefused) as error:
        return [(_("Sending"), False, str(error))]
    with suppress(Exception):
        connection.close()
    return [(_("Sending"), True, _("The sending server accepts this account."))]
