"""An SMTP server that fails on purpose: a code, a cut or silence at any step; it keeps what it really took."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from tests.flows.worker import free_port
from tests.peers.certificates import HOST

CUT, HANG = "cut", "hang"
USER, PASSWORD = "suporte@presteza.example", "senha-do-servidor"


@dataclass
class Taken:
    sender: str
    recipients: list[str]
    raw: bytes


@dataclass
class FaultySmtp:
    """`faults` maps a step (connect, ehlo, mail, rcpt, data, dot, answer) to a reply, CUT or HANG.

    `dot`: the message has arrived and is not kept. `answer`: it is kept, and then the answer goes wrong.
    """

    port: int
    faults: dict[str, str] = field(default_factory=dict)
    taken: list[Taken] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    host: str = HOST
    reply: str = "250 2.0.0 Ok: queued as 4Xy1BC0qZz"

    async def handle_DATA(self, server: "_Smtp", session: Session, envelope: Envelope) -> str:
        if failure := await server.fail("dot"):
            return failure
        self.taken.append(
            Taken(
                (envelope.mail_from or "").strip("<>"),
                list(envelope.rcpt_tos),
                bytes(envelope.content or b""),
            )
        )
        return await server.fail("answer") or self.reply

    def check_password(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data
    ) -> AuthResult:
        good = getattr(data, "login", b"") == USER.encode() and data.password == PASSWORD.encode()
        return AuthResult(success=good, handled=False)


class _Smtp(SMTP):
    def __init__(self, handler: FaultySmtp, **options: object) -> None:
        self.book = handler
        super().__init__(handler, **options)

    async def fail(self, step: str) -> str:
        """Do what the step's fault asks for; return the reply to give, '' when all is well."""
        self.book.seen.append(step)
        fault = self.book.faults.get(step, "")
        if fault == HANG:
            await asyncio.sleep(20)
        elif fault == CUT:
            self.transport.abort()
            await asyncio.sleep(0)
            raise ConnectionResetError
        return "" if fault in (HANG, CUT) else fault

    async def _handle_client(self) -> None:
        try:
            if reply := await self.fail("connect"):
                await self.push(reply)
                self.transport.close()
                return
        except ConnectionResetError:
            return
        await super()._handle_client()

    async def smtp_EHLO(self, hostname: str) -> None:
        if reply := await self.fail("ehlo"):
            await self.push(reply)
        else:
            await super().smtp_EHLO(hostname)

    async def smtp_HELO(self, hostname: str) -> None:
        if reply := await self.fail("ehlo"):
            await self.push(reply)
        else:
            await super().smtp_HELO(hostname)

    async def smtp_MAIL(self, arg: str) -> None:
        if reply := await self.fail("mail"):
            await self.push(reply)
        else:
            await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg: str) -> None:
        if reply := await self.fail("rcpt"):
            await self.push(reply)
        else:
            await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg: str) -> None:
        if reply := await self.fail("data"):
            await self.push(reply)
        else:
            await super().smtp_DATA(arg)


class _Controller(Controller):
    def __init__(
        self, handler: FaultySmtp, *, port: int, tls: ssl.SSLContext | None, **options: object
    ) -> None:
        self.options = options
        super().__init__(handler, hostname=HOST, port=port, ssl_context=tls)

    def factory(self) -> SMTP:
        return _Smtp(self.handler, enable_SMTPUTF8=True, loop=self.loop, **self.options)


@contextmanager
def running_smtp(
    *, tls: ssl.SSLContext | None = None, starttls: ssl.SSLContext | None = None, auth: bool = False
) -> Iterator[FaultySmtp]:
    """Serve on a free port: plain, TLS from the first byte (`tls`) or STARTTLS; `auth` asks for the password."""
    book = FaultySmtp(free_port())
    options: dict[str, object] = {"tls_context": starttls}
    if auth:
        options |= {
            "auth_required": True,
            "authenticator": book.check_password,
            "auth_require_tls": bool(starttls),
        }
    controller = _Controller(book, port=book.port, tls=tls, **options)
    controller.start()
    book.seen.clear()
    try:
        yield book
    finally:
        controller.stop(no_assert=True)
