"""The ground's tests need no database; those that read a setting get a bare Django when there is none."""

import os

from django.conf import settings

if not settings.configured and not os.environ.get("DJANGO_SETTINGS_MODULE"):
    settings.configure()
