from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ChannelsInboxConfig(AppConfig):
    name = "channels_inbox"
    verbose_name = _("Channels")

    def ready(self) -> None:
        from channels_inbox import checks, receivers  # noqa: F401  (registers checks and anymail's receivers)
