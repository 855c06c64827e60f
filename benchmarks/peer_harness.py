"""Runs inside the peer's venv: hands every mail of the corpus to django-helpdesk as its own poller would."""

import json
import logging
import os
import sys
import time
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

TICKS = os.sysconf("SC_CLK_TCK")
DATABASE = "peer_helpdesk"
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
INSTALLED_APPS = [
    "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.sites",
    "django.contrib.messages", "django.contrib.staticfiles", "django.contrib.admin", "django.contrib.humanize",
    "bootstrap4form", "rest_framework", "helpdesk",
]  # fmt: skip


def configure() -> None:
    """Set Django up for the peer, on a fresh database of its own."""
    import django
    from django.conf import settings

    database = database_settings()
    create_database(database)
    settings.configure(
        SECRET_KEY="peer", DATABASES={"default": database}, USE_TZ=True, TIME_ZONE="America/Sao_Paulo",
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField", SITE_ID=1, ROOT_URLCONF=__name__,
        MEDIA_ROOT=os.environ["PEER_MEDIA"], EMAIL_BACKEND="django.core.mail.backends.dummy.EmailBackend",
        HELPDESK_ALWAYS_SAVE_INCOMING_EMAIL_MESSAGE=False, HELPDESK_TEAMS_MODE_ENABLED=False,
        STATIC_URL="/static/", MIDDLEWARE=MIDDLEWARE, TEMPLATES=TEMPLATES, INSTALLED_APPS=INSTALLED_APPS,
    )  # fmt: skip
    django.setup()


def database_settings() -> dict:
    """Return the peer's entry of `DATABASES`: the server of the benchmark, a database of its own."""
    url = urlsplit(os.environ["PEER_DATABASE_URL"])
    host = dict(parse_qsl(url.query)).get("host", url.hostname or "")
    return {
        "ENGINE": "django.db.backends.postgresql", "HOST": host, "PORT": url.port or "",
        "USER": url.username or "", "PASSWORD": url.password or "", "NAME": DATABASE,
    }  # fmt: skip


def create_database(database: dict) -> None:
    import psycopg2

    connection = psycopg2.connect(
        host=database["HOST"], port=database["PORT"] or None, user=database["USER"],
        password=database["PASSWORD"] or None, dbname="postgres",
    )  # fmt: skip
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        cursor.execute(f"CREATE DATABASE {DATABASE}")
    connection.close()


def __getattr__(name: str):
    """The url configuration: the peer's own addresses under its namespace, made when Django asks."""
    if name == "urlpatterns":
        from django.contrib import admin
        from django.urls import include, path

        return [path("admin/", admin.site.urls), path("", include("helpdesk.urls", namespace="helpdesk"))]
    raise AttributeError(name)


def take(manifest: list[dict], folder: Path) -> dict:
    from django.db import connection

    from helpdesk.email import extract_email_metadata
    from helpdesk.models import FollowUp, Queue, Ticket

    queue = Queue.objects.create(
        title="Suporte", slug="suporte", email_address="suporte@loja-exemplo.test", allow_email_submission=True
    )
    logger = logging.getLogger("peer")
    logger.addHandler(logging.NullHandler())
    counter = Counter()
    backend, failed, first_error = connection.connection.info.backend_pid, 0, ""
    wall, cpu, database = time.perf_counter(), time.process_time(), backend_cpu(backend)
    with connection.execute_wrapper(counter):
        for row in manifest:
            message = (folder / "mail" / row["file"]).read_bytes().decode("utf-8", "replace")
            try:
                extract_email_metadata(message, queue, logger)
            except Exception as error:
                failed += 1
                first_error = first_error or f"{type(error).__name__}: {error}"
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    n = len(manifest)
    return {
        "version": "django-helpdesk 2.6.1",
        "mails_per_second": round(n / wall, 1),
        "cpu_per_1000": round(cpu / n * 1000, 2),
        "postgres_cpu_per_1000": round((backend_cpu(backend) - database) / n * 1000, 2),
        "statements_per_mail": round(counter.statements / n, 2),
        "tickets": Ticket.objects.count(),
        "messages": FollowUp.objects.count(),
        "failed": failed,
        "first_error": first_error,
    }


def measure_pages(tickets: int) -> dict:
    """Time the ticket list as a browser loads it: the page, then its rows."""
    from django.db import connection

    fill(tickets)
    client = sign_in()
    page, rows = addresses(client)
    counter, times = Counter(), []
    with connection.execute_wrapper(counter):
        assert client.get(rows).json()["data"]
        client.get(page)
    for _round in range(40):
        start = time.perf_counter()
        client.get(page)
        client.get(rows)
        times.append((time.perf_counter() - start) * 1000)
    times.sort()
    return {
        "version": "django-helpdesk 2.6.1",
        "statements": counter.statements,
        "list_p50_ms": round(times[20], 1),
        "list_p95_ms": round(times[37], 1),
    }


def fill(tickets: int) -> None:
    """Write as many open tickets, ten of a person."""
    from helpdesk.models import Queue, Ticket

    queue = Queue.objects.create(title="Suporte", slug="suporte")
    Ticket.objects.bulk_create(
        [
            Ticket(title=f"Assunto número {n}", queue=queue, submitter_email=f"pessoa{n // 10}@base.example", status=1)
            for n in range(tickets)
        ],
        batch_size=5000,
    )


def sign_in():
    """Return a client signed in as somebody who sees everything."""
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.test import Client

    settings.ALLOWED_HOSTS = ["testserver"]
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("bancada", password="x"))
    return client


def addresses(client) -> tuple[str, str]:
    """Return the address of the list, and the one from which its page fetches the rows."""
    from django.test.utils import setup_test_environment, teardown_test_environment
    from django.urls import reverse

    page = reverse("helpdesk:list")
    setup_test_environment()  # only while the page says how its rows are asked for
    query = client.get(page).context["urlsafe_query"]
    teardown_test_environment()
    rows = reverse("helpdesk:datatables_ticket_list", args=[query])
    return page, f"{rows}?draw=1&start=0&length=25"


class Counter:
    statements = 0

    def __call__(self, execute, sql, params, many, context):
        self.statements += 1
        return execute(sql, params, many, context)


def backend_cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def main() -> int:
    configure()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    if "PEER_TICKETS" in os.environ:
        print(json.dumps(measure_pages(int(os.environ["PEER_TICKETS"]))))
        return 0
    folder = Path(os.environ["PEER_CORPUS"])
    manifest = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
    print(json.dumps(take(manifest, folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
