"""Decides whether a server answers at its unix socket, whose it is, and whether a TCP port is free."""

import contextlib
import errno
import socket
import struct
from pathlib import Path

from helpdesk.embedded.language import Refusal
from helpdesk.embedded.language import gettext as _

LISTENER = "PRESTEZA_LISTENER"  # environment variable: the file descriptor handed to the web process


def answers(path: Path) -> bool:
    """True when something listens at the unix socket."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as link:
        link.settimeout(5)
        link.connect(str(path))
        return True
    return False


def ask(path: Path, question: bytes) -> bytes | None:
    """The first bytes of the answer to a question at the unix socket; None when nobody listens or answers."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as link:
        link.settimeout(5)
        link.connect(str(path))
        link.sendall(question)
        return link.recv(64)
    return None


def listener_pid(path: Path) -> int | None:
    """The pid of the process that listens at the unix socket, told by the kernel; None when nobody does."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as link:
        link.connect(str(path))
        return struct.unpack("3i", link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
    return None


def listen(host: str, port: int) -> socket.socket:
    """A listening socket at host:port, kept open over restarts of the web process: no visitor is refused.

    Raises Refusal when the port is taken, forbidden, or the host is not ours.
    """
    try:
        family, _kind, _protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(512)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Refusal(
                _("Port %(port)s of %(host)s is already in use; choose another with --port or --smtp-port.")
                % {"port": port, "host": host}
            ) from error
        raise Refusal(
            _(
                "Port %(port)s of %(host)s cannot be used (%(reason)s); "
                "choose another with --port or --smtp-port."
            )
            % {"port": port, "host": host, "reason": error.strerror or error}
        ) from error
    return listener


def require_free_port(host: str, port: int) -> None:
    """Refuse a port somebody listens on already."""
    listen(host, port).close()
