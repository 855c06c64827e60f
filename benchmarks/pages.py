"""Measures the list page and the ticket page: statements, and the time of the whole answer, middleware included."""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import ground

ROUNDS = 40
LONG_THREAD = 200


def main() -> int:
    parser = argparse.ArgumentParser(prog="./hd bench pages", description=__doc__)
    parser.add_argument("--tickets", type=int, default=1000)
    parser.add_argument("--json", help="write the figures to this file")
    parser.add_argument("--peer", action="store_true", help="measure django-helpdesk's list on the same PostgreSQL")
    options = parser.parse_args()
    with ground.installation():
        ground.fill_tickets(options.tickets)
        result = run() | {"tickets": options.tickets}
        if options.peer:
            from benchmarks.peer import run_peer_pages

            result["peer"] = run_peer_pages(options.tickets)
            result["ratio_list_p50"] = round(result["list"]["p50_ms"] / result["peer"]["list_p50_ms"], 3)
    for key, value in result.items():
        print(f"{key:16} {json.dumps(value)}")
    if options.json:
        Path(options.json).write_text(json.dumps(result, indent=1))
    return 0


def run() -> dict[str, Any]:
    from tickets.models import Ticket

    client = sign_in()
    ticket = Ticket.objects.filter(status="open").order_by("-id")[0]
    add_entries(ticket, 3)
    short = f"/chamados/{ticket.pk}/"
    crowded = Ticket.objects.filter(status="open").order_by("-id")[1]
    add_entries(crowded, LONG_THREAD - 1)
    return {
        "list": measure(client, "/"),
        "list_closed": measure(client, "/?view=finished"),
        "ticket_4": measure(client, short),
        "ticket_200": measure(client, f"/chamados/{crowded.pk}/"),
    }


def sign_in() -> Any:
    """Return a client signed in as an agent of the support department."""
    from django.conf import settings
    from django.test import Client

    from helpdesk.people.models import User
    from tickets.models import Department, Membership

    settings.ALLOWED_HOSTS.append("testserver")
    user = User.objects.create_user("bancada@equipe.example", name="Bancada Teste")
    Membership.objects.create(user=user, role="agent", department=Department.objects.get(key="suporte"))
    client = Client()
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return client


def add_entries(ticket: Any, count: int) -> None:
    from tickets.models import ThreadEntry

    ThreadEntry.objects.bulk_create(
        [
            ThreadEntry(ticket=ticket, kind="customer", contact_id=ticket.contact_id, text=f"Mensagem {n}. " * 20)
            for n in range(count)
        ]
    )


def measure(client: Any, path: str) -> dict[str, Any]:
    """Return status, size, statements and the time of the answer in milliseconds."""
    from django.db import connection

    client.get(path)
    counter = ground.Counter()
    with connection.execute_wrapper(counter):
        answer = client.get(path)
    times = []
    for _round in range(ROUNDS):
        start = time.perf_counter()
        client.get(path)
        times.append((time.perf_counter() - start) * 1000)
    return {
        "status": answer.status_code,
        "bytes": len(answer.content),
        "statements": counter.statements,
        "p50_ms": round(statistics.median(times), 1),
        "p95_ms": round(sorted(times)[int(ROUNDS * 0.95) - 1], 1),
    }


if __name__ == "__main__":
    sys.exit(main())
