"""The only outgoing clients: HTTP, SMTP and IMAP through one guard at socket level (A06, A25).

Nothing else in the product opens a connection to the outside. Certificates are always verified against the
name asked for; redirects are never followed; what an HTTP server answers is bounded in size.
"""

import imaplib
import smtplib
import socket
import ssl
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from typing import Any, Literal

import httpcore
import httpx
from imap_tools.mailbox import BaseMailBox

from helpdesk.lib.egress_guard import (
    DEFAULT_TIMEOUT,
    EgressRefused,
    Resolver,
    connect,
    resolve_checked,
    tls_context,
)

__all__ = [
    "EgressRefused",
    "GuardedIMAP4",
    "GuardedIMAP4_SSL",
    "GuardedMailBox",
    "ResponseTooLarge",
    "connect",
    "http_client",
    "read_capped",
    "resolve_checked",
    "smtp_connection",
    "tls_context",
]

Security = Literal["starttls", "tls", "none"]
MAX_RESPONSE_BYTES = 10 * 1024 * 1024
# Services that answer to stray HTTP; refused even where EGRESS_ALLOW opens them for mail.
REFUSED_HTTP_PORTS = frozenset({22, 25, 5432, 6379})
_FIXED_OPTIONS = frozenset(
    {"transport", "mounts", "proxy", "verify", "trust_env", "follow_redirects", "cert"}
)


class ResponseTooLarge(Exception):
    """The server sent more than was asked for, or packed what was to come unpacked."""


def http_client(
    *,
    timeout: float = DEFAULT_TIMEOUT,
    max_bytes: int = MAX_RESPONSE_BYTES,
    cafile: str | None = None,
    allow: Collection[str] | None = None,
    resolver: Resolver | None = None,
    **options: Any,
) -> httpx.Client:
    """Return an httpx client behind the guard. `options` are httpx's, save those that would lead around it.

    Every answer is cut off with ResponseTooLarge after `max_bytes`. Refused targets raise EgressRefused.
    """
    if forbidden := _FIXED_OPTIONS & options.keys():
        raise TypeError(f"http_client decides {', '.join(sorted(forbidden))} itself")
    headers = httpx.Headers({"Accept-Encoding": "identity", "User-Agent": "presteza"})
    headers.update(options.pop("headers", None))
    transport = _GuardedTransport(tls_context(cafile), _Backend(allow, resolver), max_bytes)
    options |= {"headers": headers, "timeout": timeout}
    return httpx.Client(transport=transport, trust_env=False, follow_redirects=False, **options)


def read_capped(response: httpx.Response, max_bytes: int) -> bytes:
    """Read a streamed response, at most `max_bytes`. Raises ResponseTooLarge and closes it."""
    parts: list[bytes] = []
    size = 0
    for part in response.iter_raw():
        size += len(part)
        if size > max_bytes:
            response.close()
            raise ResponseTooLarge(f"{response.url.host} sent more than {max_bytes} bytes")
        parts.append(part)
    return b"".join(parts)


def smtp_connection(
    host: str,
    port: int,
    *,
    security: Security,
    timeout: float = DEFAULT_TIMEOUT,
    cafile: str | None = None,
    allow: Collection[str] | None = None,
    resolver: Resolver | None = None,
    local_hostname: str | None = None,
) -> smtplib.SMTP:
    """Return a connected SMTP session, greeted, inside TLS unless `security` is "none".

    A server without STARTTLS is an error (SMTPNotSupportedError), never a fall back to clear text.
    """
    context = tls_context(cafile)
    guard = {"allow": allow, "resolver": resolver}
    smtp = _GuardedSMTP(context if security == "tls" else None, guard, local_hostname, timeout)
    try:
        code, greeting = smtp.connect(host.strip("[]"), port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, greeting)
        smtp._host = host.strip("[]")  # type: ignore[attr-defined]  # the name STARTTLS verifies
        if security == "starttls":
            smtp.starttls(context=context)
        smtp.ehlo_or_helo_if_needed()
    except BaseException:
        smtp.close()
        raise
    return smtp


class GuardedIMAP4(imaplib.IMAP4):
    """`imaplib.IMAP4` behind the guard; `starttls()` verifies the certificate."""

    def __init__(
        self,
        host: str,
        port: int = 143,
        timeout: float | None = DEFAULT_TIMEOUT,
        *,
        cafile: str | None = None,
        allow: Collection[str] | None = None,
        resolver: Resolver | None = None,
    ) -> None:
        self._context = tls_context(cafile)
        self._allow, self._resolver = allow, resolver
        super().__init__(host, port, timeout)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        return connect(self.host, self.port, timeout, allow=self._allow, resolver=self._resolver)

    def starttls(self, ssl_context: ssl.SSLContext | None = None) -> Any:
        return super().starttls(ssl_context or self._context)


class GuardedIMAP4_SSL(GuardedIMAP4):
    """`imaplib.IMAP4_SSL` behind the guard."""

    def __init__(
        self, host: str, port: int = 993, timeout: float | None = DEFAULT_TIMEOUT, **options: Any
    ) -> None:
        super().__init__(host, port, timeout, **options)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        return _wrap(self._context, super()._create_socket(timeout), self.host)


class GuardedMailBox(BaseMailBox):
    """imap-tools' mailbox over a guarded connection; `login` or `xoauth2` as there."""

    def __init__(self, host: str, port: int, *, security: Security = "tls", **options: Any) -> None:
        self._host, self._port, self._security, self._options = host, port, security, options
        super().__init__()

    def _get_mailbox_client(self) -> imaplib.IMAP4:
        kind = GuardedIMAP4_SSL if self._security == "tls" else GuardedIMAP4
        client = kind(self._host, self._port, **self._options)
        if self._security == "starttls":
            try:
                client.starttls()
            except BaseException:
                client.file.close()
                client.sock.close()
                raise
        return client


class _GuardedSMTP(smtplib.SMTP):
    def __init__(
        self,
        context: ssl.SSLContext | None,
        guard: dict[str, Any],
        local_hostname: str | None,
        timeout: float,
    ) -> None:
        self._context, self._guard = context, guard
        super().__init__(local_hostname=local_hostname, timeout=timeout)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connection = connect(host, port, timeout, **self._guard)
        return _wrap(self._context, connection, host) if self._context else connection


class _Backend(httpcore.NetworkBackend):
    """Resolves and checks; then httpcore connects to the address, which needs no second resolution."""

    def __init__(self, allow: Collection[str] | None, resolver: Resolver | None) -> None:
        self._allow, self._resolver = allow, resolver
        self._network = httpcore.SyncBackend()

    def connect_tcp(self, host: str, port: int, *args: Any, **options: Any) -> httpcore.NetworkStream:
        try:
            _family, address = resolve_checked(host, port, allow=self._allow, resolver=self._resolver)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        return self._network.connect_tcp(address, port, *args, **options)

    def connect_unix_socket(self, path: str, *args: Any, **options: Any) -> httpcore.NetworkStream:
        raise EgressRefused("no unix sockets")


class _GuardedTransport(httpx.HTTPTransport):
    def __init__(self, context: ssl.SSLContext, backend: _Backend, max_bytes: int) -> None:
        super().__init__(verify=context, trust_env=False)
        # httpx has no door for a network backend of one's own; the pool is what its constructor makes.
        self._pool = httpcore.ConnectionPool(ssl_context=context, network_backend=backend, max_connections=10)
        self._max_bytes = max_bytes

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        if url.scheme not in ("http", "https") or not url.host:
            raise EgressRefused(f"{url.scheme or 'no scheme'}: only http and https")
        if (url.port or (443 if url.scheme == "https" else 80)) in REFUSED_HTTP_PORTS:
            raise EgressRefused(f"{url.host}:{url.port}: no port for HTTP")
        response = super().handle_request(request)
        encoding = response.headers.get("content-encoding", "identity").lower()
        length = response.headers.get("content-length", "0")
        if encoding != "identity" or (length.isdecimal() and int(length) > self._max_bytes):
            response.close()
            raise ResponseTooLarge(f"{url.host} sent a packed or too large answer")
        response.stream = _CappedStream(response.stream, url.host, self._max_bytes)
        return response


class _CappedStream(httpx.SyncByteStream):
    def __init__(self, stream: Any, host: str, max_bytes: int) -> None:
        self._stream, self._host, self._max_bytes = stream, host, max_bytes

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        chunks: Iterable[bytes] = self._stream
        for chunk in chunks:
            size += len(chunk)
            if size > self._max_bytes:
                raise ResponseTooLarge(f"{self._host} sent more than {self._max_bytes} bytes")
            yield chunk

    def close(self) -> None:
        self._stream.close()


def _wrap(context: ssl.SSLContext, connection: socket.socket, host: str) -> ssl.SSLSocket:
    """TLS for the name asked for; the socket is closed when the certificate does not convince."""
    try:
        return context.wrap_socket(connection, server_hostname=host.strip("[]"))
    except BaseException:
        with closing(connection):
            raise
