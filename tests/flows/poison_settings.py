"""Settings of a worker that knows the channel kind `poison`."""

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.flows.poison.PoisonConfig"]
