"""Decides which parts a mail has (RFC 2046), by offsets into the raw bytes: nothing is copied here."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from channels_inbox.mail import limits
from channels_inbox.mail.charsets import decode_field
from channels_inbox.mail.headers import Headers, split_headers
from channels_inbox.mail.parameters import Value, content_type, parse_value
from channels_inbox.mail.transfer import decode_body

_BOUNDARY_END = re.compile(rb"(--)?[ \t]*(?:\r?\n|\r?\Z)")
_GUESSED_BOUNDARY = re.compile(
    rb"(?:\A|\n)--([^\s]{1,200})[ \t]*\r?\nContent-[A-Za-z-]{1,40}:", re.IGNORECASE
)


@dataclass(eq=False)
class Part:
    """One node of the tree: its header fields and where its body lies in `raw`."""

    raw: bytes = field(repr=False)
    headers: Headers
    start: int
    end: int
    default_type: str = "text/plain"
    parent: "Part | None" = field(default=None, repr=False)
    children: list["Part"] = field(default_factory=list, repr=False)
    defects: list[str] = field(default_factory=list)
    content_type: str = field(init=False)
    parameters: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        raw = self.headers.raw("content-type")
        named, self.parameters = (
            content_type(decode_field(raw[: limits.PART_FIELD_BYTES])) if raw else ("", {})
        )
        self.content_type = named or self.default_type

    @cached_property
    def disposition(self) -> Value:
        raw = self.headers.raw("content-disposition")
        return parse_value(decode_field(raw[: limits.PART_FIELD_BYTES]) if raw else "")

    @property
    def file_name(self) -> str:
        """The name as the sender gave it, not yet safe."""
        return self.disposition.parameters.get("filename") or self.parameters.get("name", "")

    @property
    def content_id(self) -> str:
        """Without its angle brackets."""
        return "".join(self.headers.literal("content-id", most=1000).strip("<> ").split())

    @property
    def body(self) -> bytes:
        return self.raw[self.start : self.end]

    def decode(self) -> bytes:
        """Bytes after the transfer encoding; what was wrong with it is added to `defects`."""
        data, defect = decode_body(
            self.body, self.transfer_encoding, is_text=self.content_type.startswith("text/")
        )
        if defect:
            self.defects.append(defect)
        return data

    @cached_property
    def transfer_encoding(self) -> str:
        return self.headers.token("content-transfer-encoding").strip("\"'")

    def within(self, *types: str) -> "Part | None":
        """Nearest enclosing multipart of one of these types."""
        above = self.parent
        while above is not None and above.content_type not in types:
            above = above.parent
        return above


class _Reader:
    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.parts = 0
        self.false_boundaries = 0
        self.defects: list[str] = []

    def flag(self, defect: str) -> None:
        if defect not in self.defects:
            self.defects.append(defect)

    def grow(self, part: Part, depth: int) -> None:
        """Give `part` its children when it is a multipart."""
        if not part.content_type.startswith("multipart/"):
            return
        if depth >= limits.DEPTH:
            self.flag("too_deep")
            part.content_type = "application/octet-stream"
            return
        spans = self._spans_of(part)
        default = "message/rfc822" if part.content_type == "multipart/digest" else "text/plain"
        for start, end in spans:
            if self.parts >= limits.PARTS:
                self.flag("too_many_parts")
                end = spans[-1][1]
                part.children.append(Part(self.raw, Headers(), start, end, "application/octet-stream", part))
                return
            self.parts += 1
            headers, body = split_headers(self.raw, start, end)
            child = Part(self.raw, headers, min(body, end), end, default, part)
            for defect in headers.defects:
                self.flag(defect)
            part.children.append(child)
            self.grow(child, depth + 1)

    def _spans_of(self, part: Part) -> list[tuple[int, int]]:
        boundary = part.parameters.get("boundary", "").rstrip().encode("utf-8", "replace")[:998]
        spans = self._cut(part, boundary) if boundary else []
        if not spans:
            found = _GUESSED_BOUNDARY.search(self.raw, part.start, part.end)
            if found:
                self.flag("boundary_wrong")
                spans = self._cut(part, found.group(1))
        if not spans:
            self.flag("boundary_missing")
            part.content_type = "text/plain"
        return spans

    def _cut(self, part: Part, boundary: bytes) -> list[tuple[int, int]]:
        """Spans between the boundary lines, also behind a closing one that came too early."""
        spans: list[tuple[int, int]] = []
        opened = -1
        for at, line in self._boundary_lines(b"--" + boundary, part.start, part.end):
            if opened >= 0:
                spans.append((opened, max(opened, self._before_break(at))))
                if len(spans) > limits.PARTS:
                    return spans
            opened = -1 if line.group(1) else line.end()
        if opened >= 0:
            self.flag("not_closed")
            if opened < part.end:
                spans.append((opened, part.end))
        return spans

    def _boundary_lines(self, needle: bytes, start: int, end: int) -> Iterator[tuple[int, re.Match[bytes]]]:
        """Start of each boundary line, and the match of what follows the boundary on it."""
        at = start
        hit = start if self.raw.startswith(needle, start, end) else -1
        while True:
            if hit < 0:
                hit = self.raw.find(b"\n" + needle, at, end) + 1
                if not hit:
                    return
            line = _BOUNDARY_END.match(self.raw, hit + len(needle), end)
            at = max(line.end() - 1, hit) if line else hit + len(needle)
            if line:
                yield hit, line
            else:
                self.false_boundaries += 1
                if self.false_boundaries > limits.FALSE_BOUNDARIES:
                    self.flag("too_many_boundaries")
                    return
            hit = -1

    def _before_break(self, at: int) -> int:
        """The line break in front of a boundary line belongs to the boundary (RFC 2046 5.1.1)."""
        at -= 1
        return at - 1 if at > 0 and self.raw[at - 1] == 13 else at


def read_parts(raw: bytes, headers: Headers, start: int) -> tuple[Part, list[str]]:
    """The tree of a mail whose body begins at `start`, and the defects met."""
    reader = _Reader(raw)
    root = Part(raw, headers, start, len(raw))
    reader.grow(root, 0)
    return root, reader.defects


def walk_leaves(part: Part) -> list[Part]:
    """Leaves in the order in which they are read."""
    if not part.children:
        return [part]
    return [leaf for child in part.children for leaf in walk_leaves(child)]
