"""Decides where the header ends and what its fields say (RFC 5322 2.2, RFC 2047)."""

import binascii
import re
from collections.abc import Iterator

from channels_inbox.mail import limits
from channels_inbox.mail.charsets import codec_named, decode_field, decode_text, one_line

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:")
# A line without a colon is a badly folded one only when a field everybody writes still follows.
_KNOWN_FIELD = re.compile(
    rb"\n(?:from|to|cc|subject|date|message-id|mime-version|content-type|content-transfer-encoding"
    rb"|in-reply-to|references|reply-to|return-path|received):",
    re.IGNORECASE,
)
ENCODED_WORD = re.compile(r"=\?[^?\s]{1,75}\?[bBqQ]\?[^?]*\?=")
_WORD_START = re.compile(r"=\?([^?\s]{1,75})\?([bBqQ])\?")


class Headers:
    """The fields of one header block, by lower-case name, in their order."""

    __slots__ = ("_fields", "defects")

    def __init__(self) -> None:
        self._fields: dict[str, list[bytes]] = {}
        self.defects: list[str] = []

    def add(self, name: bytes, lines: list[bytes]) -> None:
        value = lines[0] if len(lines) == 1 else b"".join(lines)
        self._fields.setdefault(name.decode("ascii").lower(), []).append(value)

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def __bool__(self) -> bool:
        return bool(self._fields)

    def names(self) -> Iterator[str]:
        return iter(self._fields)

    def count(self, name: str) -> int:
        return len(self._fields.get(name, ()))

    def raw(self, name: str) -> bytes:
        """Bytes of the first field of that name, unfolded; b'' when there is none."""
        values = self._fields.get(name)
        return values[0] if values else b""

    def all_raw(self, name: str) -> list[bytes]:
        return self._fields.get(name, [])

    def literal(self, name: str, *, most: int = limits.FIELD_BYTES) -> str:
        """First field of that name on one line, encoded words left as they are."""
        raw = self.raw(name)
        return decode_field(raw[:most]) if raw else ""

    def literals(self, name: str, *, most: int = limits.FIELD_BYTES) -> list[str]:
        return [decode_field(raw[:most]) for raw in self.all_raw(name)]

    def text(self, name: str) -> str:
        """First field of that name, decoded, on one line."""
        return decode_words(self.literal(name))

    def token(self, name: str) -> str:
        """First word of a field in lower case, without parameters and comments: `auto-replied`."""
        return re.split(r"[\s;(]", self.literal(name, most=1000).lower(), maxsplit=1)[0]


def split_headers(raw: bytes, start: int, end: int) -> tuple[Headers, int]:
    """Fields of the header block in `raw[start:end]`, and where the body begins."""
    headers = Headers()
    if raw.startswith((b"\n", b"\r\n"), start, end):
        return headers, start + (1 if raw[start] == 10 else 2)
    block_end, body = _find_blank_line(raw, start, end)
    if block_end - start > limits.HEADER_BYTES:
        headers.defects.append("header_too_large")
        block_end = start + limits.HEADER_BYTES
    bad = _read_fields(headers, raw[start:block_end])
    return headers, body if bad < 0 else start + bad


def _find_blank_line(raw: bytes, start: int, end: int) -> tuple[int, int]:
    first = raw.find(b"\n", start, end)
    if first < 0:
        return end, end
    crlf = lf = -1
    if first > start and raw[first - 1] == 13:
        crlf = raw.find(b"\n\r\n", first, end)
        lf = raw.find(b"\n\n", first, end if crlf < 0 else crlf)
    else:
        lf = raw.find(b"\n\n", first, end)
        crlf = raw.find(b"\n\r\n", first, end if lf < 0 else lf)
    if lf >= 0:
        return lf, lf + 2
    return (crlf, crlf + 3) if crlf >= 0 else (end, end)


def _read_fields(headers: Headers, block: bytes) -> int:
    """Fill `headers`; -1, or the offset of the line at which the block turns out to be body text."""
    name, lines, at, last_known = b"", [b""], 0, -2
    fields = 0
    for line in block.split(b"\n"):
        here, at = at, at + len(line) + 1
        if line.endswith(b"\r"):
            line = line[:-1]
        if line[:1] in (b" ", b"\t"):
            lines.append(line)
            continue
        found = _FIELD.match(line)
        if found:
            if name:
                headers.add(name, lines)
            fields += 1
            if fields > limits.HEADER_FIELDS:
                headers.defects.append("too_many_fields")
                return -1
            name, lines = found.group(1), [line[found.end() :].lstrip(b" \t")]
        elif not line or line.startswith((b"From ", b">From ")):
            continue
        else:
            if last_known == -2:
                headers.defects.append("header_broken")
                last_known = max((known.start() for known in _KNOWN_FIELD.finditer(block, here)), default=-1)
            if here > last_known:
                if name:
                    headers.add(name, lines)
                return here
            lines.append(b" " + line)
    if name:
        headers.add(name, lines)
    return -1


def decode_words(text: str) -> str:
    """Decode RFC 2047 words in text that is otherwise plain; result on one line."""
    if "=?" not in text:
        return text
    out: list[str] = []
    run: list[bytes] = []
    charset, at = "", 0
    for start, end, label, data in _words(text):
        gap = text[at:start]
        joined = bool(run) and not gap.strip()
        if not (joined and label == charset):
            out.append(_flush(run, charset))
            run = []
        if not joined:
            out.append(gap)
        run.append(data)
        charset, at = label, end
    return one_line("".join([*out, _flush(run, charset), text[at:]]))


def _words(text: str) -> Iterator[tuple[int, int, str, bytes]]:
    """Start, end, charset and bytes of each encoded word; one in a refused charset stays as it is written.

    A word ends at the first `?=`, since Outlook leaves question marks inside.
    """
    at = 0
    while found := _WORD_START.search(text, at):
        end = text.find("?=", found.end())
        if end < 0:
            return
        at = end + 2
        label = found.group(1).split("*", 1)[0].lower()
        if _decodable(label):
            yield found.start(), at, label, _word_bytes(found.group(2), text[found.end() : end])


def _decodable(label: str) -> bool:
    return not label.replace("_", "-").startswith(("utf-7", "unicode-1-1-utf-7"))


def _flush(run: list[bytes], charset: str) -> str:
    """Joined bytes first: mailers cut words inside a letter."""
    if not run:
        return ""
    data = b"".join(run)
    return decode_text(data, charset if codec_named(charset) else "")[0]


def _word_bytes(encoding: str, payload: str) -> bytes:
    raw = payload.encode("utf-8", "replace")
    if encoding in "qQ":
        return binascii.a2b_qp(raw.replace(b" ", b"_"), header=True)
    raw = re.sub(rb"[^A-Za-z0-9+/]", b"", raw)
    if len(raw) % 4 == 1:
        raw = raw[:-1]
    return binascii.a2b_base64(raw + b"=" * (-len(raw) % 4))
