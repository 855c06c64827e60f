"""The bench corpus, read back and compared with its manifest (R-127)."""

import importlib.util
import itertools
import json
import os
from argparse import Namespace
from datetime import datetime
from pathlib import Path
from types import ModuleType

import pytest

from channels_inbox.mime import parse_email

GENERATOR = Path(
    os.environ.get("MAIL_CORPUS") or Path(__file__).resolve().parents[4] / "shared/bench/corpus.py"
)


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mail_corpus", GENERATOR)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not GENERATOR.exists(), reason="the corpus generator is not beside this checkout")
def test_corpus_reads_back_as_its_manifest(tmp_path: Path) -> None:
    generator = load_generator()
    arguments = generator.parser().parse_args(
        [
            str(tmp_path),
            "--n",
            "150",
            "--attach-kb",
            "8",
            "--eightbit",
            "0.2",
            "--bounce",
            "0.08",
            "--auto",
            "0.08",
        ]
    )
    assert isinstance(arguments, Namespace)
    generator.generate(arguments, tmp_path)
    rows = [
        json.loads(line) for line in (tmp_path / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert len(rows) == 150
    for row in rows:
        mail = parse_email((tmp_path / "mail" / row["file"]).read_bytes())
        assert mail.defects == [], row["file"]
        assert (mail.from_name, mail.from_address) == (row["sender_name"], row["sender"])
        assert (mail.subject, mail.message_id) == (row["subject"], row["message_id"])
        assert mail.date == datetime.fromisoformat(row["date"])
        assert (mail.is_auto_reply, mail.is_bounce) == (row["is_auto_reply"], row["is_bounce"]), row["file"]
        assert row["marker"] in mail.text
        assert "\ufffd" not in mail.text + mail.html
        assert bool(mail.html) == row["has_html"]
        assert [describe(one) for one in mail.attachments] == [
            (one["name"], one["content_type"], one["size"], one["sha256"], inline)
            for one, inline in itertools.chain(
                ((x, True) for x in row["inline"]), ((x, False) for x in row["attachments"])
            )
        ]


def describe(attachment: object) -> tuple[object, ...]:
    return tuple(getattr(attachment, name) for name in ("name", "content_type", "size", "sha256", "inline"))
