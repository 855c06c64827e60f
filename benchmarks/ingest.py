"""Measures how fast stored mail becomes tickets, with every guarantee on, and whether it becomes the right ones."""

import argparse
import json
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks import ground


def main() -> int:
    options = arguments()
    folder = Path(tempfile.mkdtemp(prefix="hdcorpus"))
    manifest = make_corpus(folder, options.mails)
    with ground.installation():
        ground.fill_tickets(options.tickets)
        result = run(folder, manifest) | {"tickets_before": options.tickets}
        if options.peer:
            add_peer(result, folder)
    report(result)
    if options.json:
        Path(options.json).write_text(json.dumps(result, indent=1, ensure_ascii=False))
    return 0


def add_peer(result: dict[str, Any], folder: Path) -> None:
    """Let the peer take the same corpus on the same PostgreSQL, and add its figures and the ratio."""
    from benchmarks.peer import run_peer

    result["peer"] = run_peer(folder)
    result["ratio_mails_per_second"] = round(result["mails_per_second"] / result["peer"]["mails_per_second"], 2)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./hd bench ingest", description=__doc__)
    parser.add_argument("--mails", type=int, default=2000)
    parser.add_argument("--tickets", type=int, default=0, help="tickets that stand in the database before")
    parser.add_argument("--json", help="write the figures to this file")
    parser.add_argument(
        "--peer", action="store_true", help="run django-helpdesk on the same PostgreSQL and corpus"
    )
    return parser.parse_args()


def make_corpus(folder: Path, mails: int) -> list[dict[str, Any]]:
    """Write the corpus (seed 1, no raw 8-bit, as the peer's figures) and return its manifest."""
    import subprocess

    program = Path(__file__).parent / "corpus.py"
    command = [sys.executable, str(program), str(folder), "--n", str(mails), "--seed", "1", "--eightbit", "0"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def run(folder: Path, manifest: list[dict[str, Any]]) -> dict[str, Any]:
    from channels_inbox.inbox import process_due
    from channels_inbox.models import Channel
    from tickets.reactions import react_due

    channel = Channel.objects.get(key="email-suporte")
    result: dict[str, Any] = {"mails": len(manifest)}
    result["store"] = measure(lambda: store_all(channel, folder, manifest), len(manifest))
    drained = measure(lambda: drain(process_due), len(manifest))
    result.update(drained, mails_per_second=round(len(manifest) / drained["wall"], 1))
    result["parse_per_second"] = parse_rate(folder, manifest)
    result["correct"] = correctness(manifest)
    result["reactions"] = measure(lambda: drain(react_due), len(manifest))
    result["second_run_adds"] = second_run(channel, folder, manifest)
    return result


def store_all(channel: Any, folder: Path, manifest: list[dict[str, Any]]) -> int:
    from channels_inbox.adapters.email import mail_envelope
    from channels_inbox.inbox import store

    new = 0
    for start in range(0, len(manifest), 20):
        raws = [(folder / "mail" / row["file"]).read_bytes() for row in manifest[start : start + 20]]
        new += store(channel, [mail_envelope(raw) for raw in raws])
    return new


def drain(step: Any) -> None:
    while step():
        pass


def measure(work: Any, per: int) -> dict[str, Any]:
    """Return wall, CPU of this process and of the database, statements and commits of `work`."""
    from django.db import connection

    connection.ensure_connection()
    backend = connection.connection.info.backend_pid
    counter, commits = ground.Counter(), ground.commits()
    wall, cpu, database = time.perf_counter(), time.process_time(), ground.postgres_cpu(backend)
    with connection.execute_wrapper(counter):
        work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {
        "wall": round(wall, 3),
        "cpu_per_1000": round(cpu / per * 1000, 2),
        "postgres_cpu_per_1000": round((ground.postgres_cpu(backend) - database) / per * 1000, 2),
        "statements_per_mail": round(counter.statements / per, 2),
        "commits_per_mail": round((ground.commits() - commits) / per, 2),
    }


def parse_rate(folder: Path, manifest: list[dict[str, Any]]) -> float:
    """Return mails a second for header, text and attachment list on one core."""
    from channels_inbox.mime import parse_email

    raws = [(folder / "mail" / row["file"]).read_bytes() for row in manifest]
    start = time.process_time()
    for raw in raws:
        mail = parse_email(raw)
        _ = mail.subject, mail.from_address, mail.text, [(a.name, a.size, a.sha256) for a in mail.attachments]
    return round(len(raws) / (time.process_time() - start), 1)


def correctness(manifest: list[dict[str, Any]]) -> dict[str, Any]:
    """Compare what stands in the database with the manifest."""
    entries, files = stored_entries(), stored_files()
    marker = found = wanted = replaced = 0
    for row in manifest:
        expected = {(each["sha256"], each["name"]) for each in row["attachments"]}
        wanted += len(expected)
        entry = entries.get(row["message_id"].strip("<>"))
        if entry is None:
            continue
        marker += row["marker"] in entry.text
        replaced += "\ufffd" in entry.text
        found += len(expected & files[entry.pk])
    return {
        "entries": len(entries),
        "threads": threads(manifest, entries),
        "marker_found": f"{marker}/{len(manifest)}",
        "attachments": f"{found}/{wanted}",
        "replacement_characters": replaced,
    }


def stored_entries() -> dict[str, Any]:
    """Return Message-ID → entry of everything that arrived."""
    from tickets.models import ThreadEntry

    arrived = ThreadEntry.objects.filter(inbound__isnull=False)
    return {entry.message_id: entry for entry in arrived.only("message_id", "ticket_id", "text", "html")}


def stored_files() -> dict[int, set[tuple[str, str]]]:
    """Return entry → hash and name of each of its files."""
    from tickets.models import EntryAttachment

    files: dict[int, set[tuple[str, str]]] = defaultdict(set)
    for entry, sha256, name in EntryAttachment.objects.values_list("entry_id", "file__sha256", "file__name"):
        files[entry].add((sha256, name))
    return files


def threads(manifest: list[dict[str, Any]], entries: dict[str, Any]) -> dict[str, str]:
    """Return how many mails of each kind stand on the ticket of their conversation, as `right/all`.

    A `subject_tag` answer carries no threading header: it opens a ticket of its own (R-128, a number is no
    authority), and what answers it belongs there.
    """
    known: dict[str, set[int]] = defaultdict(set)
    right: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in manifest:
        entry = entries.get(row["message_id"].strip("<>"))
        right[row["via"]][1] += 1
        if entry is None:
            continue
        if row["position"] == 0 or row["via"] == "subject_tag":
            known[row["thread"]].add(entry.ticket_id)
        right[row["via"]][0] += entry.ticket_id in known[row["thread"]]
    return {via: f"{good}/{total}" for via, (good, total) in sorted(right.items())}


def second_run(channel: Any, folder: Path, manifest: list[dict[str, Any]]) -> dict[str, int]:
    """Deliver the whole corpus again; return what it added."""
    from channels_inbox.inbox import process_due
    from tickets.models import ThreadEntry, Ticket

    before = Ticket.objects.count(), ThreadEntry.objects.count()
    new = store_all(channel, folder, manifest)
    drain(process_due)
    return {
        "arrivals": new,
        "tickets": Ticket.objects.count() - before[0],
        "entries": ThreadEntry.objects.count() - before[1],
    }


def report(result: dict[str, Any]) -> None:
    for key, value in result.items():
        print(f"{key:26} {json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value}")


if __name__ == "__main__":
    sys.exit(main())
