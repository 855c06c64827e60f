import io
import json
import random
import tarfile
from pathlib import Path

import pytest

from helpdesk.backup.archive import Archive, ArchiveWriter, written_whole
from helpdesk.embedded.language import Refusal


def write(path: Path, **manifest: object) -> None:
    with written_whole(path) as handle:
        writer = ArchiveWriter(handle)
        writer.add("database/rows.gz", io.BytesIO(b"rows"), 4)
        writer.add("files/ab/" + "long name é " * 20, io.BytesIO(b"x" * 1500), 1500)
        writer.finish({"tables": {}, **manifest})


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write(tmp_path / "b.tar", created="2026-05-04")
    archive = Archive(tmp_path / "b.tar")
    assert archive.manifest["created"] == "2026-05-04"
    assert archive.open("database/rows.gz").read() == b"rows"
    assert archive.files() == ["ab/" + "long name é " * 20]
    assert archive.manifest["members"]["database/rows.gz"]["size"] == 4
    assert (tmp_path / "b.tar").stat().st_mode & 0o777 == 0o600
    with tarfile.open(tmp_path / "b.tar") as plain:  # any tar reads it
        assert plain.getnames()[-2:] == ["manifest.json", "SHA256"]


def test_one_flipped_byte_anywhere_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "b.tar")
    whole = (tmp_path / "b.tar").read_bytes()
    ends = [0, len(whole) - 1, len(whole) - 1024, len(whole) - 2048]
    for place in ends + random.Random(7).sample(range(len(whole)), 200):
        changed = bytearray(whole)
        changed[place] ^= 1
        (tmp_path / "c.tar").write_bytes(changed)
        with pytest.raises(Refusal):
            Archive(tmp_path / "c.tar")


@pytest.mark.parametrize("kept", [0, 1, 511, 2048, 5000])
def test_cut_archive_is_refused(tmp_path: Path, kept: int) -> None:
    write(tmp_path / "b.tar")
    (tmp_path / "c.tar").write_bytes((tmp_path / "b.tar").read_bytes()[:kept])
    with pytest.raises(Refusal):
        Archive(tmp_path / "c.tar")


def test_newer_format_and_other_files_are_refused(tmp_path: Path) -> None:
    with written_whole(tmp_path / "b.tar") as handle:
        writer = ArchiveWriter(handle)
        writer.finish({"tables": {}} | {"format": 2})
    with tarfile.open(tmp_path / "b.tar") as plain:
        manifest = json.loads(plain.extractfile("manifest.json").read())  # type: ignore[union-attr]  # it is a file
    assert manifest["format"] == 2
    with pytest.raises(Refusal, match=r"b\.tar"):
        Archive(tmp_path / "b.tar")
    (tmp_path / "d.tar").write_bytes(b"not a backup" * 1000)
    for name in ("d.tar", "absent.tar"):
        with pytest.raises(Refusal, match=name):
            Archive(tmp_path / name)


@pytest.mark.parametrize("name", ["files/../../outside", "files//etc/passwd"])
def test_path_that_leads_outside_is_refused(tmp_path: Path, name: str) -> None:  # A10
    with written_whole(tmp_path / "b.tar") as handle:
        writer = ArchiveWriter(handle)
        writer.add(name, io.BytesIO(b"x"), 1)
        writer.finish({"tables": {}})
    with pytest.raises(Refusal):
        Archive(tmp_path / "b.tar").files()


def test_failed_write_leaves_neither_new_nor_partial_file(tmp_path: Path) -> None:
    (tmp_path / "b.tar").write_bytes(b"yesterday")
    with pytest.raises(OSError), written_whole(tmp_path / "b.tar") as handle:
        handle.write(b"half")
        raise OSError("no space")
    assert [path.name for path in tmp_path.iterdir()] == ["b.tar"]
    assert (tmp_path / "b.tar").read_bytes() == b"yesterday"
