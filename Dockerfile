# The product for server mode: one image, started as web, worker, beat or migrate (docker-compose.yml).
FROM python:3.11-slim AS build
COPY requirements.txt /tmp/requirements.txt
RUN python -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r /tmp/requirements.txt

FROM python:3.11-slim
RUN groupadd --system --gid 10001 presteza \
 && useradd --system --uid 10001 --gid presteza --home-dir /srv/presteza --shell /usr/sbin/nologin presteza \
 && install -d -o presteza -g presteza -m 0700 /var/lib/presteza /var/lib/presteza/attachments
COPY --from=build /opt/venv /opt/venv
COPY manage.py LICENSE* /srv/presteza/
COPY helpdesk /srv/presteza/helpdesk
COPY channels_inbox /srv/presteza/channels_inbox
COPY tickets /srv/presteza/tickets
COPY templates /srv/presteza/templates
COPY locale /srv/presteza/locale
WORKDIR /srv/presteza
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=helpdesk.settings \
    DATA_DIR=/var/lib/presteza \
    STATIC_ROOT=/srv/presteza/static
RUN BASE_URL=http://localhost python manage.py collectstatic --noinput --verbosity 0
USER presteza
VOLUME /var/lib/presteza
EXPOSE 8000
# Only the web container listens; worker and beat switch this check off in docker-compose.yml.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 CMD ["python", "-c", "\
import os, urllib.parse, urllib.request; \
host = urllib.parse.urlsplit(os.environ['BASE_URL']).netloc; \
call = urllib.request.Request('http://127.0.0.1:8000/healthz', headers={'Host': host}); \
urllib.request.urlopen(call, timeout=4)"]
CMD ["uvicorn", "helpdesk.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--no-access-log", "--no-server-header", "--lifespan", "off", "--timeout-graceful-shutdown", "10"]
