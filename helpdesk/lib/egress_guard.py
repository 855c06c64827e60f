"""Which addresses the product may connect to: public ones, and those the operator named (A06).

A name is resolved once, every address it has is checked, and the connection goes to a checked address: an
answer that changes between check and use has no effect. Exceptions are only the `host:port` pairs of the
setting `EGRESS_ALLOW`, compared with the host as it was asked for.
"""

import ipaddress
import re
import socket
import ssl
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Any

import certifi
import idna

Resolver = Callable[[str, int], list[str]]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_ADDRESSES = 4
DEFAULT_TIMEOUT = 15.0
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)
_HOST = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_-]{0,62}(?:\.|\Z))+")  # read in one way only (A22)
# Not covered by `is_global`: relays and prefixes that carry an IPv4 address inside.
_REFUSED_NETWORKS = [
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",  # protocol assignments; newer Pythons refuse it themselves
        "192.88.99.0/24",  # 6to4 relays
        "::/96",  # IPv4-compatible
        "::ffff:0:0/96",  # IPv4-mapped
        "::ffff:0:0:0/96",  # IPv4-translated
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",  # NAT64 of a local network
        "2001::/32",  # Teredo
        "2002::/16",  # 6to4
        "fec0::/10",  # site-local
    )
]


class EgressRefused(Exception):
    """The product does not connect there; the text names the target and the reason."""


def resolve_checked(
    host: str, port: int, *, allow: Collection[str] | None = None, resolver: Resolver | None = None
) -> tuple[socket.AddressFamily, str]:
    """Return (family, address) to connect to. Raises EgressRefused, or OSError when the name is unknown."""
    return _resolve_all(host, port, allow, resolver)[0]


def connect(
    host: str,
    port: int,
    timeout: float | None = None,
    *,
    allow: Collection[str] | None = None,
    resolver: Resolver | None = None,
) -> socket.socket:
    """Open a TCP connection to a checked address of `host`; `timeout` in seconds stays on the socket.

    Raises EgressRefused before any packet leaves, OSError when nothing answers.
    """
    failure: OSError = OSError(f"{host}: no address")
    for family, address in _resolve_all(host, port, allow, resolver):
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(timeout or DEFAULT_TIMEOUT)
            connection.connect((address, port))
            return connection
        except OSError as error:
            connection.close()
            failure = error
    raise failure


def tls_context(cafile: str | None = None) -> ssl.SSLContext:
    """Context that always verifies certificate and name; `cafile` (or `EXTRA_CA_FILE`) adds authorities."""
    return _cached_context(cafile or _setting("EXTRA_CA_FILE", "") or "")


def host_port(host: str, port: int) -> str:
    """The spelling of a target in `EGRESS_ALLOW`."""
    bare = host.strip("[]").lower()
    return f"[{bare}]:{port}" if ":" in bare else f"{bare}:{port}"


def is_public(address: Address) -> bool:
    """Whether an address is of the public Internet and stands for itself."""
    if any(address.version == network.version and address in network for network in _REFUSED_NETWORKS):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _resolve_all(
    host: str, port: int, allow: Collection[str] | None, resolver: Resolver | None
) -> list[tuple[socket.AddressFamily, str]]:
    name = _checked_host(host)
    if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65_535:
        raise EgressRefused(f"{host}: the port must be 1 to 65535")
    allowed = {entry.lower() for entry in (_setting("EGRESS_ALLOW", ()) if allow is None else allow)}
    found = [ipaddress.ip_address(text) for text in (resolver or _system_addresses)(name, port)]
    if not found:
        raise OSError(f"{host}: no address")
    if host_port(name, port) not in allowed:
        for address in found:
            if not is_public(address):
                raise EgressRefused(f"{host}:{port}: {address} is no public address")
    families = {4: socket.AF_INET, 6: socket.AF_INET6}
    return [(families[address.version], str(address)) for address in found[:MAX_ADDRESSES]]


def _checked_host(host: str) -> str:
    """The host in ASCII. Spellings of IPv4 that only some programs read are refused, public or not."""
    if not isinstance(host, str) or not host or len(host) > 253:
        raise EgressRefused("the host must be a name or an address")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if ":" in bare:
        return _checked_ipv6(bare)
    try:
        name = bare if bare.isascii() else idna.encode(bare, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise EgressRefused(f"{bare!r} is no host name") from None
    if not _HOST.fullmatch(name):
        raise EgressRefused(f"{bare!r} is no host name")
    name = name.lower().removesuffix(".")
    if _NUMERIC_LABEL.fullmatch(name.rsplit(".", 1)[-1]):
        try:
            return str(ipaddress.IPv4Address(name))
        except ValueError:
            raise EgressRefused(f"{bare!r} is no plain IPv4 address") from None
    return name


def _checked_ipv6(text: str) -> str:
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        raise EgressRefused(f"{text!r} is no IPv6 address") from None
    if address.scope_id:
        raise EgressRefused(f"{text!r} names an interface")
    return str(address)


def _system_addresses(host: str, port: int) -> list[str]:
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


@lru_cache(maxsize=8)
def _cached_context(cafile: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())  # slim images have no authorities of their own
    if cafile:
        context.load_verify_locations(cafile)
    return context


def _setting(name: str, default: Any) -> Any:
    from django.conf import settings  # read when used: tests and checks change it

    return getattr(settings, name, default)
