"""A scripted IMAP server in plain Python: enough of RFC 3501 and 6851 for our client, and the faults of real life."""

import base64
import re
import socketserver
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from tests.peers.certificates import HOST, Authority
from tests.peers.serving import serving

PASSWORD = "secret"


@dataclass
class Mail:
    uid: int
    raw: bytes
    arrived: datetime
    seen: bool = False


@dataclass
class Folder:
    uidvalidity: int = 1
    uidnext: int = 1
    mails: list[Mail] = field(default_factory=list)


class ScriptedImap(socketserver.ThreadingTCPServer):
    """Folders by (user, name) and the knobs of the faults."""

    allow_reuse_address, daemon_threads = True, True
    kind = "scripted"

    def __init__(self, context: ssl.SSLContext, cafile: str) -> None:
        super().__init__((HOST, 0), _Session)
        self.context, self.cafile = context, cafile
        self.host, self.tls_port = self.server_address[0], self.server_address[1]
        self.folders: dict[tuple[str, str], Folder] = {}
        self.commands: list[str] = []
        self.token_is_good: Callable[[str], bool] = lambda token: False
        self.cut_in_uid = 0  # the connection ends in the middle of this mail, once
        self.refuse_uids: set[int] = set()  # FETCH of these bodies is answered with NO
        self.expire_after_fetches = 0  # the session ends with BYE before this fetch of bodies, once
        self.body_fetches = 0
        self.chatter = False  # unasked FETCH answers stand between the asked ones

    def folder(self, user: str, name: str = "INBOX") -> Folder:
        return self.folders.setdefault((user, name), Folder())

    def append(
        self, user: str, *mails: bytes, folder: str = "INBOX", arrived: datetime | None = None
    ) -> None:
        box = self.folder(user, folder)
        for raw in mails:
            box.mails.append(Mail(box.uidnext, raw, arrived or datetime.now().astimezone()))
            box.uidnext += 1

    def seen(self, user: str, folder: str = "INBOX") -> list[bool]:
        return [mail.seen for mail in self.folder(user, folder).mails]

    def count(self, user: str, folder: str = "INBOX") -> int:
        return len(self.folder(user, folder).mails)

    def mark_all_seen(self, user: str) -> None:
        for mail in self.folder(user).mails:
            mail.seen = True

    def renew_uidvalidity(self, user: str) -> None:
        box = self.folder(user)
        box.uidvalidity += 1
        for number, mail in enumerate(box.mails, start=101):
            mail.uid = number
        box.uidnext = 101 + len(box.mails)

    def get_request(self):
        connection, address = super().get_request()
        connection.settimeout(30)
        return self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request, client_address) -> None:
        """Clients that go away or refuse our certificate are what tests are about."""


class _Session(socketserver.StreamRequestHandler):
    server: ScriptedImap

    def handle(self) -> None:
        self.user, self.box = "", Folder()
        self.say("* OK [CAPABILITY IMAP4rev1 MOVE AUTH=XOAUTH2 AUTH=PLAIN] ready")
        while line := self.rfile.readline():
            tag, command, *rest = line.decode("utf-8", "replace").rstrip("\r\n").split(" ", 2)
            words = rest[0] if rest else ""
            name = command.upper()
            if name == "UID":
                sub, _space, words = words.partition(" ")
                name = f"UID {sub.upper()}"
            self.server.commands.append(f"{name} {words}" if name not in ("LOGIN", "AUTHENTICATE") else name)
            answer = getattr(self, "do_" + name.lower().replace(" ", "_"), None)
            result = answer(words) if answer else "BAD unknown"
            if result is None:
                return
            self.say(f"{tag} {result}")
            if name == "LOGOUT":
                return

    def say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")

    def do_capability(self, _words: str) -> str:
        self.say("* CAPABILITY IMAP4rev1 MOVE AUTH=XOAUTH2 AUTH=PLAIN")
        return "OK done"

    def do_noop(self, _words: str) -> str:
        return "OK done"

    def do_logout(self, _words: str) -> str:
        self.say("* BYE")
        return "OK bye"

    def do_login(self, words: str) -> str:
        user, password = re.findall(r'"((?:[^"\\]|\\.)*)"', words)
        self.user = user
        return "OK in" if password == PASSWORD else "NO [AUTHENTICATIONFAILED] wrong password"

    def do_authenticate(self, words: str) -> str:
        self.say("+ ")
        given = base64.b64decode(self.rfile.readline()).decode()
        user, token = re.fullmatch(r"user=(.*?)\x01auth=Bearer (.*?)\x01\x01", given, re.S).groups()
        self.user = user
        if self.server.token_is_good(token):
            return "OK in"
        self.say("+ " + base64.b64encode(b'{"status":"400"}').decode())
        self.rfile.readline()
        return "NO [AUTHENTICATIONFAILED] invalid token"

    def do_list(self, words: str) -> str:
        name = words.split()[-1].strip('"')
        if (self.user, name) in self.server.folders:
            self.say(f'* LIST () "/" "{name}"')
        return "OK done"

    def do_examine(self, words: str) -> str:
        return self.do_select(words)

    def do_select(self, words: str) -> str:
        name = words.strip('"')
        if name != "INBOX" and (self.user, name) not in self.server.folders:
            return "NO [NONEXISTENT] no such folder"
        self.box = self.server.folder(self.user, name)
        self.say(f"* {len(self.box.mails)} EXISTS")
        self.say(f"* OK [UIDVALIDITY {self.box.uidvalidity}]")
        self.say(f"* OK [UIDNEXT {self.box.uidnext}]")
        return "OK [READ-WRITE] done"

    def do_uid_search(self, words: str) -> str:
        found = {mail.uid for mail in self.box.mails}
        if low := re.search(r"UID (\d+):\*", words):
            last = max(found, default=0)
            found = {uid for uid in found if uid >= int(low[1]) or uid == last}  # "n:*" always names the last
        if since := re.search(r"SINCE (\S+)", words):
            day = datetime.strptime(since[1], "%d-%b-%Y").date()
            found &= {mail.uid for mail in self.box.mails if mail.arrived.date() >= day}
        self.say("* SEARCH " + " ".join(str(uid) for uid in sorted(found)))
        return "OK done"

    def do_uid_fetch(self, words: str) -> str | None:
        numbers, parts = words.split(" ", 1)
        wanted = {int(number) for number in numbers.split(",")}
        if "BODY" in parts:
            self.server.body_fetches += 1
            if self.server.body_fetches == self.server.expire_after_fetches:
                self.server.expire_after_fetches = 0
                self.say("* BYE session expired")
                return None
            if wanted & self.server.refuse_uids:
                return "NO [SERVERBUG] cannot read that mail"
        for position, mail in enumerate(self.box.mails, start=1):
            if mail.uid in wanted and not self._give(position, mail, parts):
                return None
        return "OK done"

    def _give(self, position: int, mail: Mail, parts: str) -> bool:
        if self.server.chatter:
            self.say(f"* {position} FETCH (FLAGS (\\Recent))")
        if "RFC822.SIZE" in parts:
            moment = mail.arrived.strftime("%d-%b-%Y %H:%M:%S %z")
            self.say(
                f'* {position} FETCH (UID {mail.uid} RFC822.SIZE {len(mail.raw)} INTERNALDATE "{moment}")'
            )
            return True
        mail.seen = mail.seen or "PEEK" not in parts
        header = "HEADER" in parts
        data = mail.raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if header else mail.raw
        self.wfile.write(
            f"* {position} FETCH (BODY[{'HEADER' if header else ''}] {{{len(data)}}}\r\n".encode()
        )
        if mail.uid == self.server.cut_in_uid:
            self.server.cut_in_uid = 0
            self.wfile.write(data[: len(data) // 2])
            return False
        self.wfile.write(data + f" UID {mail.uid})\r\n".encode())  # the UID may stand behind the literal
        return True

    def do_uid_move(self, words: str) -> str:
        numbers, target = words.split(" ", 1)
        wanted = {int(number) for number in numbers.split(",")}
        if (self.user, target.strip('"')) not in self.server.folders:
            return "NO [TRYCREATE] no such folder"
        moved = [mail for mail in self.box.mails if mail.uid in wanted]
        self.box.mails = [mail for mail in self.box.mails if mail.uid not in wanted]
        self.server.append(self.user, *(mail.raw for mail in moved), folder=target.strip('"'))
        return "OK moved"


@contextmanager
def running_imap(authority: Authority, **certificate: object) -> Iterator[ScriptedImap]:
    """Serve on a free port, TLS from the first byte."""
    with serving(ScriptedImap(authority.server_context(**certificate), authority.cafile)) as server:
        yield server
