"""Decides how the product says that it is well: alive, ready, and in figures (R-421)."""

import hmac

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse

from helpdesk.lib.broker import client

OLDEST_SECONDS = 60
AGES = """
SELECT 'inbound' AS queue, count(*), extract(epoch FROM app_now() - min(received_at))
  FROM (SELECT received_at FROM channels_inbox_inboundmessage WHERE state = 'new' ORDER BY next_at LIMIT 1000) i
UNION ALL
SELECT 'outbound', count(*), extract(epoch FROM app_now() - min(next_at))
  FROM (SELECT next_at FROM channels_inbox_outboundmessage
         WHERE state = 'queued' AND next_at <= app_now() ORDER BY next_at LIMIT 1000) o
UNION ALL
SELECT 'reaction', count(*), extract(epoch FROM app_now() - min(next_at))
  FROM (SELECT next_at FROM tickets_reaction
         WHERE state = 'new' AND next_at <= app_now() ORDER BY next_at LIMIT 1000) r
UNION ALL
SELECT 'dead_inbound', count(*), NULL FROM channels_inbox_inboundmessage WHERE state = 'dead'
UNION ALL
SELECT 'needs_people_outbound', count(*), NULL
  FROM channels_inbox_outboundmessage WHERE state IN ('failed', 'uncertain')
UNION ALL
SELECT 'dead_reaction', count(*), NULL FROM tickets_reaction WHERE state = 'dead'
"""


def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. Nothing else is asked."""
    return HttpResponse("ok", content_type="text/plain")


def queue_ages() -> dict[str, tuple[int, float]]:
    """Return queue → (rows waiting, at most 1,000; age of the oldest in seconds)."""
    with connection.cursor() as cursor:
        cursor.execute(AGES)
        return {name: (count, float(age or 0)) for name, count, age in cursor.fetchall()}


def _broker_answers() -> bool:
    try:
        return bool(client().ping())
    except redis.RedisError:
        return False


def readyz(request: HttpRequest) -> JsonResponse:
    """200 while database and broker answer and nothing waits longer than a minute; 503 says what is wrong."""
    try:
        ages = queue_ages()
    except DatabaseError:
        return JsonResponse({"database": False}, status=503)
    broker = _broker_answers()
    late = {name: round(age) for name, (_count, age) in ages.items() if age > OLDEST_SECONDS}
    body = {
        "database": True,
        "broker": broker,
        "oldest_seconds": {
            name: round(age) for name, (_n, age) in ages.items() if not name.startswith(("dead", "needs"))
        },
        "late": late,
    }
    return JsonResponse(body, status=200 if broker and not late else 503)


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text; with `METRICS_TOKEN` set only for its bearer, else for this machine only."""
    if not _may_read_metrics(request):
        return HttpResponse(status=404)
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()
    rows = Gauge(
        "presteza_rows",
        "Durable rows waiting or needing people (waiting rows capped at 1,000)",
        ["queue"],
        registry=registry,
    )
    oldest = Gauge("presteza_oldest_seconds", "Age of the oldest waiting row", ["queue"], registry=registry)
    broker = Gauge("presteza_broker_up", "1 while the broker answers", registry=registry)
    broker.set(_broker_answers())
    for name, (count, age) in queue_ages().items():
        rows.labels(name).set(count)
        oldest.labels(name).set(age)
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _may_read_metrics(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode())
    return (
        request.META.get("REMOTE_ADDR") in {"127.0.0.1", "::1"} and "X-Forwarded-For" not in request.headers
    )
