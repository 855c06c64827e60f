"""Decides how one IMAP session is held: guarded socket, verified TLS, sign-in, sizes first, then whole mails.

Reads only. The folder is opened with EXAMINE and mails with BODY.PEEK, so no flag is ever read or changed: people
and other programs use the same mailbox, and `\\Seen` is theirs.
"""

import imaplib
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Self, cast

from django.conf import settings
from django.utils.translation import gettext as _
from imap_tools.errors import ImapToolsError

from channels_inbox.adapters.base import CredentialsRefused
from helpdesk.lib.egress import EgressRefused, GuardedMailBox, Security

READ_SECONDS = 60
LIST_AT_ONCE = 500
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
PASSING = ("[UNAVAILABLE]", "[INUSE]", "[LIMIT]", "[SERVERBUG]", "[CONTACTADMIN]")  # RFC 5530
_UID = re.compile(rb"\bUID (\d+)")
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d+)")


class MailboxError(Exception):
    """The mailbox cannot be read now; the text is a sentence for people. Trying again may help."""


class MailboxCut(MailboxError):
    """The connection ended in the middle; what was stored stays, the next poll goes on from there."""


@dataclass(frozen=True)
class Listed:
    """One mail as the server lists it: its UID, its size in bytes, the moment it arrived there."""

    uid: int
    size: int
    arrived: datetime | None


@dataclass(frozen=True)
class FolderState:
    """What makes a cursor valid: UIDVALIDITY, the next UID, and how many mails there are."""

    uidvalidity: int
    uidnext: int
    count: int


class ImapSession:
    """A signed-in connection to one mailbox; use as a context manager."""

    def __init__(self, *, host: str, port: int, security: str, cafile: str = "") -> None:
        if security == "none" and f"{host}:{port}" not in settings.EGRESS_ALLOW:
            raise MailboxError(_("Without encryption only a server named in EGRESS_ALLOW may be used."))
        try:
            self.box = GuardedMailBox(
                host, port, security=cast(Security, security), timeout=READ_SECONDS, cafile=cafile or None
            )
        except (OSError, imaplib.IMAP4.error, EgressRefused) as error:
            text = _("%(host)s:%(port)s cannot be reached: %(reason)s")
            raise MailboxError(text % {"host": host, "port": port, "reason": error}) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the session; a server that does not answer is left alone."""
        try:
            self.box.client.sock.settimeout(5)
            self.box.client.logout()
        except (OSError, imaplib.IMAP4.error):
            self.box.client.shutdown()

    def sign_in(self, user: str, *, password: str = "", token: str = "") -> None:
        """Sign in with a password or an access token. Raises `CredentialsRefused` when the server says no."""
        try:
            if token:
                self._sign_in_by_token(user, token)
            elif (user + password).isascii():
                self.box.login(user, password, initial_folder=None)
            else:
                self.box.login_utf8(user, password, initial_folder=None)
            self.box.client._get_capabilities()  # type: ignore[attr-defined]  # servers tell more once signed in
        except (imaplib.IMAP4.abort, OSError) as error:
            raise MailboxCut(_("The connection ended while signing in.")) from error
        except (imaplib.IMAP4.error, ImapToolsError) as error:
            if any(code in str(error).upper() for code in PASSING):
                raise MailboxError(_("The server takes no sign-in at the moment.")) from error
            raise CredentialsRefused(_("The server refuses the user name or the password.")) from error

    def _sign_in_by_token(self, user: str, token: str) -> None:
        """XOAUTH2: after a refusal the server sends its reason and waits for an empty line."""
        words: Iterator[bytes] = iter([f"user={user}\1auth=Bearer {token}\1\1".encode()])
        self.box.client.authenticate("XOAUTH2", lambda _challenge: next(words, b""))

    def examine(self, folder: str) -> FolderState:
        """Open a folder for reading only. Raises `MailboxError` when there is none of that name."""
        answer = self._ask(self.box.folder.set, folder, True)
        client = self.box.client
        validity = (client.response("UIDVALIDITY")[1] or [None])[0]
        following = (client.response("UIDNEXT")[1] or [None])[0]
        return FolderState(int(validity or 0), int(following or 0), int(answer[1][0] or 0))

    def uids_after(self, uid: int, *, since: date | None = None) -> list[int]:
        """Return the UIDs above `uid` in ascending order, of mails that arrived on or after `since`."""
        criteria = ["UID", f"{uid + 1}:*"]
        if since is not None:
            criteria += ["SINCE", f"{since.day}-{MONTHS[since.month - 1]}-{since.year}"]
        _typ, data = self._ask(self.box.client.uid, "SEARCH", *criteria)
        found = {int(word) for line in data if line for word in line.split()}
        return sorted(each for each in found if each > uid)  # "n:*" always names the last mail

    def list_mails(self, uids: list[int]) -> Iterator[Listed]:
        """Ask sizes before bodies, some hundred at a time."""
        for start in range(0, len(uids), LIST_AT_ONCE):
            some = uids[start : start + LIST_AT_ONCE]
            _typ, data = self._ask(
                self.box.client.uid, "FETCH", _join(some), "(UID RFC822.SIZE INTERNALDATE)"
            )
            listed = {each.uid: each for each in map(_listed, data) if each is not None}
            yield from (listed[uid] for uid in some if uid in listed)

    def fetch(self, uids: list[int]) -> dict[int, bytes]:
        """Return UID → raw mail. A mail the server will not give, or that is gone, is missing."""
        return self._bodies(uids, "BODY.PEEK[]")

    def fetch_header(self, uid: int) -> bytes:
        """Return the header block of one mail; b"" when the server will not give it."""
        return self._bodies([uid], "BODY.PEEK[HEADER]").get(uid, b"")

    def _bodies(self, uids: list[int], part: str) -> dict[int, bytes]:
        try:
            typ, data = self.box.client.uid("FETCH", _join(uids), f"(UID {part})")
        except (imaplib.IMAP4.abort, OSError) as error:
            raise MailboxCut(_("The connection ended while fetching mail.")) from error
        except imaplib.IMAP4.error:
            typ, data = "BAD", []
        found = dict(_literals(data)) if typ == "OK" else {}
        if len(uids) > 1:
            for uid in set(uids) - found.keys():  # one mail must not hold up the others
                found |= self._bodies([uid], part)
        return {uid: found[uid] for uid in uids if uid in found}

    def move(self, uids: list[int], *, source: str, target: str, uidvalidity: int) -> None:
        """Move mails in one command. Raises `MailboxError` when the server cannot or the folder changed."""
        if "MOVE" not in self.box.client.capabilities:
            raise MailboxError(_("The server cannot move mail."))
        self._ask(self.box.folder.set, source)
        if int((self.box.client.response("UIDVALIDITY")[1] or [0])[0] or 0) == uidvalidity:
            self._ask(self.box.move, [str(uid) for uid in uids], target, 100)

    def has_folder(self, folder: str) -> bool:
        """Whether a folder of this name exists."""
        return bool(self._ask(self.box.folder.exists, folder))

    def _ask(self, command: Callable[..., Any], *words: Any) -> Any:
        try:
            answer = command(*words)
        except (imaplib.IMAP4.abort, OSError) as error:
            raise MailboxCut(_("The connection ended while reading the mailbox.")) from error
        except (imaplib.IMAP4.error, ImapToolsError) as error:
            raise MailboxError(
                _("The server refused a command: %(reason)s") % {"reason": str(error)[:300]}
            ) from error
        if isinstance(answer, tuple) and answer[0] not in ("OK", b"OK"):
            raise MailboxError(_("The server refused a command: %(reason)s") % {"reason": str(answer)[:300]})
        return answer


def _join(uids: Iterable[int]) -> str:
    return ",".join(str(uid) for uid in uids)


def _listed(line: Any) -> Listed | None:
    text = line if isinstance(line, bytes) else b""
    uid, size = _UID.search(text), _SIZE.search(text)
    if uid is None or size is None:
        return None
    moment = imaplib.Internaldate2tuple(text)
    arrived = datetime.fromtimestamp(time.mktime(moment), tz=UTC) if moment else None
    return Listed(int(uid[1]), int(size[1]), arrived)


def _literals(data: list[Any]) -> Iterator[tuple[int, bytes]]:
    """Pair each literal with its UID, which stands before or after it; other answers are none of ours."""
    for position, item in enumerate(data):
        if not isinstance(item, tuple):
            continue
        after = data[position + 1] if position + 1 < len(data) else b""
        uid = _UID.search(item[0]) or (_UID.search(after) if isinstance(after, bytes) else None)
        if uid is not None:
            yield int(uid[1]), bytes(item[1])
