"""Gives a benchmark its own servers (fsync on), its own database, and honest counters."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def installation() -> Iterator[None]:
    """Start PostgreSQL (durable) and Valkey in a throw-away place, migrate, load the preset; stop at the end."""
    from helpdesk.embedded.postgres import start_postgres
    from helpdesk.embedded.valkey import start_valkey

    home = Path(tempfile.mkdtemp(prefix="hdb", dir="/tmp"))
    home.chmod(0o755)
    servers = []
    try:
        for name, start in (("DATABASE_URL", start_postgres), ("REDIS_URL", start_valkey)):
            given = os.environ.get(f"BENCH_{name}")  # never the product's own: a benchmark fills what it is given
            if not given:
                servers.append(start(home / name.lower()))
            os.environ[name] = given or servers[-1].url
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "helpdesk.settings")
        os.environ.setdefault("ENCRYPTION_KEYS", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
        os.environ["DATA_DIR"] = str(home / "data")
        os.environ.setdefault("LOG_LEVEL", "ERROR")
        prepare()
        yield
    finally:
        for server in reversed(servers):
            server.stop()
        shutil.rmtree(home, ignore_errors=True)


def prepare() -> None:
    """Set Django up on the fresh database."""
    import django

    django.setup()
    from django.core.management import call_command

    from tickets.presets import load_preset

    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    load_preset("essencial")


def postgres_cpu(pid: int) -> float:
    """Return the CPU seconds of one PostgreSQL backend."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Counter:
    """Counts statements and commits of the default connection."""

    def __init__(self) -> None:
        self.statements = 0

    def __call__(self, execute, sql, params, many, context):
        self.statements += 1
        return execute(sql, params, many, context)


def commits() -> int:
    """Return the commits of this database so far, as PostgreSQL counts them."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
        return cursor.fetchone()[0]


def fill_tickets(count: int) -> None:
    """Insert `count` answered tickets of 10 % as many contacts by one statement each (a minute for a million), and
    wait for what the database does after it, so that no vacuum or checkpoint of the filling falls into the measure."""
    from django.db import ProgrammingError, connection

    if not count:
        return
    people = max(1, count // 10)
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        for sql in FILL:
            cursor.execute(sql, {"n": count, "people": people})
        cursor.execute("VACUUM ANALYZE")
        with suppress(ProgrammingError):  # a given database may not let us
            cursor.execute("CHECKPOINT")
        cursor.execute("RESET statement_timeout")


FILL = (
    "INSERT INTO people_contact (name, not_a_customer, language) "
    "SELECT 'Pessoa ' || g, true, 'pt-br' FROM generate_series(1, %(people)s) g",
    "INSERT INTO people_contactaddress (contact_id, kind, value, bounce_reason) "
    "SELECT id, 'email', 'pessoa' || id || '@base.example', '' FROM people_contact WHERE name LIKE 'Pessoa %%'",
    "INSERT INTO tickets_ticket (protocol, subject, status, status_before, outcome, priority, operation_stopped,"
    " now, next_step, unanswered, waiting_since, identification_pending, held, follow_up_decision, hinted_protocol,"
    " imported, demo, created_at, updated_at, last_entry_id, preview, queue_key, contact_id, department_id, channel_id)"
    " SELECT 'F' || g, 'Assunto número ' || g,"
    " (ARRAY['new','open','waiting_customer'] || array_fill('closed'::text, ARRAY[7]))[1 + g %% 10],"
    " '', CASE WHEN g %% 10 > 2 THEN 'resolvido' ELSE '' END, 'normal', false, '', '', g %% 10 = 0,"
    " now() - g * interval '1 minute', false, false, '', '', false, false, now() - g * interval '1 minute',"
    " now() - g * interval '1 minute', 0, 'Prévia da mensagem', '12' || lpad((2000000000 - g)::text, 12, '0'),"
    " (SELECT min(id) FROM people_contact WHERE name LIKE 'Pessoa %%') + g %% %(people)s,"
    " d.id, c.id FROM generate_series(1, %(n)s) g, tickets_department d, channels_inbox_channel c"
    " WHERE d.key = 'suporte' AND c.key = 'email-suporte'",
    "INSERT INTO tickets_participant (ticket_id, contact_id, kind, removed)"
    " SELECT id, contact_id, 'requester', false FROM tickets_ticket WHERE protocol LIKE 'F%%'",
    "INSERT INTO tickets_threadentry (ticket_id, kind, contact_id, channel_id, subject, text, html, has_original,"
    " automatic, held, withdrawn, message_id, recipients, created_at)"
    " SELECT id, 'customer', contact_id, channel_id, subject, 'Texto da mensagem ' || id, '', false, false, false,"
    " false, 'f' || id || '@base.example', '{}', created_at FROM tickets_ticket WHERE protocol LIKE 'F%%'",
    "INSERT INTO tickets_mailreference (message_id, ticket_id, own)"
    " SELECT 'f' || id || '@base.example', id, true FROM tickets_ticket WHERE protocol LIKE 'F%%'",
)
