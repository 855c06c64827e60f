"""Entry for the web server, with a limit on what a request may carry."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "helpdesk.settings")

from django.core.asgi import get_asgi_application

from helpdesk.body_limit import BodyLimit

application = BodyLimit(get_asgi_application())
