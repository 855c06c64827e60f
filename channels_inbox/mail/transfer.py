"""Decides the bytes of a part from its transfer encoding, whatever its mailer did wrong (RFC 2045 6)."""

import binascii
import re

_IDENTITY = frozenset(("", "7bit", "8bit", "binary", "7-bit", "8-bit", "none", "7", "8"))
_UU = frozenset(("x-uuencode", "uuencode", "x-uue", "uue"))
_ALPHABET = re.compile(rb"[A-Za-z0-9+/=\s]*")
_NOT_ALPHABET = re.compile(rb"[^A-Za-z0-9+/]+")
_PADDING = re.compile(rb"=+")
_MOST_PIECES = 2000


def decode_body(data: bytes, encoding: str, *, is_text: bool) -> tuple[bytes, str]:
    """Bytes of the part, and '' or the defect met; never fails."""
    if encoding in _IDENTITY:
        return data, ""
    if encoding == "quoted-printable":
        return binascii.a2b_qp(data), ""
    if encoding == "base64":
        return _decode_base64(data, is_text=is_text)
    if encoding in _UU:
        return _decode_uu(data), ""
    return data, "transfer_encoding_unknown"


def _decode_base64(data: bytes, *, is_text: bool) -> tuple[bytes, str]:
    if (
        is_text
        and b" " in data.strip()[:200]
        and not _ALPHABET.fullmatch(data.strip()[:200].split(b"\n", 1)[0])
    ):
        return data, "transfer_encoding_wrong"  # plain text under the wrong label
    if is_text and data[:200].strip().count(b" ") > 3:
        return data, "transfer_encoding_wrong"
    padding = data.find(b"=")
    rest = data[padding:].strip(b"= \t\r\n") if padding >= 0 else b""
    if rest:
        return _decode_pieces(data, data[padding:].lstrip(b"= \t"), padding, is_text=is_text)
    return _strict(data)


def _strict(data: bytes) -> tuple[bytes, str]:
    try:
        return binascii.a2b_base64(data), ""
    except binascii.Error:
        clean = _NOT_ALPHABET.sub(b"", data)
        clean = clean[: len(clean) - 1] if len(clean) % 4 == 1 else clean
        return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4)), "base64_broken"


def _decode_pieces(data: bytes, rest: bytes, padding: int, *, is_text: bool) -> tuple[bytes, str]:
    """Base64 goes on after its padding: pieces joined by a careless mailer, or a footer added by a list."""
    if not _ALPHABET.fullmatch(rest):
        head = _strict(data[:padding] + b"==")[0]
        return (head + b"\n" + rest.lstrip(b"\r\n") if is_text else head), "base64_trailing"
    pieces = _PADDING.split(data, maxsplit=_MOST_PIECES)
    return b"".join(_strict(piece)[0] for piece in pieces), "base64_pieces"


def _decode_uu(data: bytes) -> bytes:
    out = []
    for line in data.splitlines():
        if line.startswith(b"begin ") or not line or line == b"end":
            continue
        try:
            out.append(binascii.a2b_uu(line))
        except binascii.Error:
            length = (((line[0] - 32) & 63) * 4 + 5) // 3  # as written by encoders which pad short
            try:
                out.append(binascii.a2b_uu(line[:length]))
            except binascii.Error:
                continue
    return b"".join(out)
