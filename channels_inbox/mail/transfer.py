"""Decides the bytes of a part from its transfer encoding, whatever its mailer did wrong (RFC 2045 6)."""

import binascii
import re

_IDENTITY = frozenset(("", "7bit", "8bit", "binary", "7-bit", "8-bit", "none", "7", "8"))
_UU = frozenset(("x-uuencode", "uuencode", "x-uue", "uue"))
_NOT_ALPHABET = re.compile(rb"[^A-Za-z0-9+/]+")
# What base64 never holds: another sign, or a blank between words.
_FOREIGN = re.compile(rb"[^A-Za-z0-9+/=\s]|\S[ \t]+\S")
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
    foreign = _FOREIGN.search(data) if is_text else None
    if foreign:
        cut = data.rfind(b"\n", 0, foreign.start()) + 1
        if not data[:cut].strip():
            return data, "transfer_encoding_wrong"  # plain text under the wrong label
        head, _ = _decode_base64(data[:cut], is_text=False)
        return head + b"\n" + data[cut:], "base64_trailing"  # a footer added by a list
    padding = data.find(b"=")
    rest = data[padding:] if padding >= 0 else b""
    if rest.strip(b"= \t\r\n"):
        if _FOREIGN.search(rest):
            return _strict(data[:padding] + b"==")[0], "base64_trailing"
        # It goes on after its padding: pieces joined by a careless mailer.
        pieces = _PADDING.split(data, maxsplit=_MOST_PIECES)
        return b"".join(_strict(piece)[0] for piece in pieces), "base64_pieces"
    return _strict(data)


def _strict(data: bytes) -> tuple[bytes, str]:
    try:
        return binascii.a2b_base64(data), ""
    except binascii.Error:
        clean = _NOT_ALPHABET.sub(b"", data)
        clean = clean[: len(clean) - 1] if len(clean) % 4 == 1 else clean
        return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4)), "base64_broken"


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
