"""Settings of the test session: the product's own, with throw-away servers, keys and folders."""

import os
from pathlib import Path

_home = Path(os.environ["PRESTEZA_TEST_HOME"])
os.environ.setdefault("SECRET_KEY", "test-secret-key-of-sufficient-length-for-the-checks-0123456789")
os.environ.setdefault("ENCRYPTION_KEYS", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
os.environ.setdefault("DATA_DIR", str(_home / "data"))
os.environ.setdefault("LEASE_SECONDS", "2")
os.environ.setdefault("KEY_PREFIX", f"test-{os.getpid()}")
os.environ.setdefault("LOCAL_MAILBOX", "true")
os.environ.setdefault("LOG_LEVEL", "WARNING")

from helpdesk.settings import *  # noqa: E402, F403
from helpdesk.settings import STORAGES  # noqa: E402

STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
REQUIRE_SECOND_FACTOR = False  # tests of the second factor turn it on
