"""Entry for the web server, with a limit on what a request may carry."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "helpdesk.settings")

from django.core.asgi import get_asgi_application
from django.db import connections

from helpdesk.body_limit import BodyLimit

application = BodyLimit(get_asgi_application())
# Every request has a thread of its own here: a connection kept for the next one would wait for nobody.
connections.settings["default"]["CONN_MAX_AGE"] = 0
