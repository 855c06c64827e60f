"""Settings of the product in browser tests: the tests' own, static files from their sources, two broken pages."""

from tests.settings import *  # noqa: F403

WHITENOISE_USE_FINDERS = True
ROOT_URLCONF = "tests.browser.live_urls"
