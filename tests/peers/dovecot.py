"""A private Dovecot: any user with the password `secret`; TLS with the test authority's certificate."""

import imaplib
import os
import pwd
import re
import shutil
import signal
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from tests.flows.worker import free_port
from tests.peers.certificates import HOST, Authority

PASSWORD = "secret"
CONFIG = """
base_dir = {home}/run
state_dir = {home}/state
protocols = imap
listen = 127.0.0.1
log_path = {home}/log
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
disable_plaintext_auth = no
default_login_user = {login}
default_internal_user = {internal}
default_internal_group = {group}
first_valid_uid = 1
mail_location = maildir:{home}/mail/%u/Maildir
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
auth_failure_delay = 0 secs
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={home}/mail/%u
}}
namespace inbox {{
  inbox = yes
}}
"""


class Dovecot:
    """The running server; `box(user)` is a client that delivers and looks, as other programs do."""

    kind = "dovecot"

    def __init__(self, home: Path, port: int, tls_port: int, cafile: str) -> None:
        self.home, self.host, self.port, self.tls_port, self.cafile = home, HOST, port, tls_port, cafile

    @contextmanager
    def _client(self, user: str) -> Iterator[imaplib.IMAP4]:
        client = imaplib.IMAP4_SSL(
            self.host, self.tls_port, ssl_context=ssl.create_default_context(cafile=self.cafile)
        )
        client.login(user, PASSWORD)
        try:
            yield client
        finally:
            client.logout()

    def append(
        self, user: str, *mails: bytes, folder: str = "INBOX", arrived: datetime | None = None
    ) -> None:
        """Deliver mails into a folder, which is made when missing."""
        moment = imaplib.Time2Internaldate(arrived or time.time())
        with self._client(user) as client:
            client.create(folder)
            for raw in mails:
                status, answer = client.append(folder, None, moment, raw)
                assert status == "OK", answer

    def seen(self, user: str, folder: str = "INBOX") -> list[bool]:
        r"""Whether each mail carries \Seen."""
        with self._client(user) as client:
            client.select(folder, readonly=True)
            _status, data = client.uid("FETCH", "1:*", "(FLAGS)")
            return [b"\\Seen" in line for line in data if line]

    def count(self, user: str, folder: str = "INBOX") -> int:
        with self._client(user) as client:
            status, data = client.select(folder, readonly=True)
            return int(data[0]) if status == "OK" else 0

    def mark_all_seen(self, user: str) -> None:
        with self._client(user) as client:
            client.select("INBOX")
            client.uid("STORE", "1:*", "+FLAGS", "(\\Seen)")

    def renew_uidvalidity(self, user: str) -> None:
        """Give the folder another UIDVALIDITY, as a restored or moved mailbox has."""
        maildir = self.home / "mail" / user / "Maildir"
        for stale in maildir.glob("dovecot.*index*"):
            stale.unlink()
        uids = maildir / "dovecot-uidlist"
        uids.write_text(
            re.sub(r"V(\d+)", lambda found: f"V{int(found[1]) + 1000}", uids.read_text(), count=1)
        )


@contextmanager
def running_dovecot(home: Path, authority: Authority) -> Iterator[Dovecot]:
    """Start Dovecot in a short, traversable folder; works as root and as a normal user."""
    root = os.geteuid() == 0
    mine = pwd.getpwuid(os.geteuid())
    owner = pwd.getpwnam("nobody") if root else mine
    (home / "mail").mkdir()
    os.chown(home / "mail", owner.pw_uid, owner.pw_gid)
    certificate, key = authority.issue("dovecot")
    port, tls_port = free_port(), free_port()
    group = "dovecot" if root else __import__("grp").getgrgid(mine.pw_gid).gr_name
    (home / "d.conf").write_text(
        CONFIG.format(
            home=home, certificate=certificate, key=key, port=port, tls_port=tls_port, password=PASSWORD,
            login="dovenull" if root else mine.pw_name, internal="dovecot" if root else mine.pw_name,
            group=group, uid=owner.pw_uid, gid=owner.pw_gid,
        )
    )  # fmt: skip
    program = shutil.which("dovecot")
    assert program, "dovecot is missing"
    process = subprocess.Popen([program, "-F", "-c", str(home / "d.conf")])
    server = Dovecot(home, port, tls_port, authority.cafile)
    try:
        _await(server)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


def _await(server: Dovecot) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            imaplib.IMAP4(server.host, server.port, timeout=2).logout()
            return
        except OSError:
            assert time.monotonic() < deadline, "dovecot does not answer"
            time.sleep(0.05)
