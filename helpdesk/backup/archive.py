"""Decides the form of a backup: a tar with a manifest, sealed so that one changed byte anywhere is noticed.

    database/<table>.gz   rows of a table, PostgreSQL's COPY text, gzip
    files/<path>          attachments
    manifest.json         what this is: versions, rows and SHA-256 of everything before it
    SHA256                of all bytes before this last member; its header and the end of the tar have one
    form only

Knows nothing of Django or the database.
"""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from helpdesk.embedded.language import Refusal
from helpdesk.embedded.language import gettext as _

FORMAT = 1
MANIFEST = "manifest.json"
SEAL_SIZE = 4 * tarfile.BLOCKSIZE
_CHUNK = 1024 * 1024


def nothing() -> None:
    """The check of who has nothing to check while an archive is written."""


class _Hashing:
    """A file that only takes bytes and keeps their SHA-256; `check` may stop it between two of them."""

    def __init__(self, handle: IO[bytes], check: Callable[[], None]) -> None:
        self.handle, self.check, self.sum, self.position = handle, check, hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        self.check()
        self.sum.update(data)
        self.position += len(data)
        return self.handle.write(data)

    def tell(self) -> int:
        return self.position


class ArchiveWriter:
    """Members first, then `finish` with the manifest; without it the archive does not count."""

    def __init__(self, handle: IO[bytes], *, check: Callable[[], None] = nothing) -> None:
        self._output = _Hashing(handle, check)
        self._tar = tarfile.open(  # noqa: SIM115 (never closed: the seal takes the place of its ending)
            fileobj=self._output, mode="w", format=tarfile.PAX_FORMAT
        )  # type: ignore[call-overload]  # _Hashing has what tarfile uses of a file
        self.members: dict[str, dict[str, Any]] = {}

    def add(self, name: str, source: IO[bytes], size: int) -> None:
        """Add `size` bytes of the source under the name. Raises OSError when the source is shorter."""
        reading = _Reading(source)
        self._tar.addfile(_header(name, size), reading)  # type: ignore[arg-type]  # a reader, not a file
        self.members[name] = {"size": size, "sha256": reading.sum.hexdigest()}

    def finish(self, manifest: dict[str, Any]) -> None:
        """Write the manifest, completed by format and member list, and the seal."""
        whole = {"format": FORMAT, **manifest, "members": self.members}
        data = json.dumps(whole, indent=1, ensure_ascii=False).encode()
        self._tar.addfile(_header(MANIFEST, len(data)), io.BytesIO(data))
        self._output.write(_seal(self._output.sum.hexdigest()))


class _Reading:
    """Passes a source through and keeps the SHA-256 of what went by."""

    def __init__(self, source: IO[bytes]) -> None:
        self.source, self.sum = source, hashlib.sha256()

    def read(self, size: int) -> bytes:
        data = self.source.read(size)
        self.sum.update(data)
        return data


@contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """A new file (0600) that appears under its name only when it is complete and on disk."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


class Archive:
    """A backup opened for reading. Raises Refusal unless every byte is as it was written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            _check_seal(path)
            self._tar = tarfile.open(path, "r:")  # noqa: SIM115 (lives as long as the archive)
            self.manifest = json.loads(self._read(MANIFEST))
        except (OSError, tarfile.TarError, ValueError, KeyError) as error:
            raise Refusal(
                _("%(path)s cannot be read as a backup (%(reason)s).") % {"path": path, "reason": error}
            ) from error
        if self.manifest["format"] > FORMAT:
            raise Refusal(
                _("%(path)s was written by a newer version of Presteza; use that version.") % {"path": path}
            )

    def refuse_unless_as_told(self) -> None:
        """Refuse an archive that holds other members, or of other sizes, than its manifest tells (R-429)."""
        held = {member.name: member.size for member in self._tar.getmembers()}
        told = {name: facts["size"] for name, facts in self.manifest["members"].items()}
        if {name: size for name, size in held.items() if name not in {MANIFEST, "SHA256"}} != told:
            raise Refusal(_("%(path)s is damaged or incomplete; nothing was changed.") % {"path": self.path})

    def open(self, name: str) -> IO[bytes]:
        """A member's bytes."""
        handle = self._tar.extractfile(name)
        assert handle is not None, name
        return handle

    def files(self) -> list[str]:
        """The relative paths of the attachments; a path that leads outside is refused."""
        names = [
            name.removeprefix("files/") for name in self.manifest["members"] if name.startswith("files/")
        ]
        for name in names:
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise Refusal(
                    _("%(path)s cannot be read as a backup (%(reason)s).")
                    % {"path": self.path, "reason": name}
                )
        return names

    def _read(self, name: str) -> bytes:
        with self.open(name) as handle:
            return handle.read()


def _header(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info


def _seal(digest: str) -> bytes:
    content = f"{digest}\n".encode()
    header = _header("SHA256", len(content)).tobuf(tarfile.USTAR_FORMAT)
    return (header + content).ljust(SEAL_SIZE, b"\0")


def _check_seal(path: Path) -> None:
    body = path.stat().st_size - SEAL_SIZE
    total = hashlib.sha256()
    with path.open("rb") as handle:
        while (left := body - handle.tell()) > 0:
            total.update(handle.read(min(_CHUNK, left)))
        if body <= 0 or handle.read() != _seal(total.hexdigest()):
            raise Refusal(_("%(path)s is damaged or incomplete; nothing was changed.") % {"path": path})
