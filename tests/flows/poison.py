"""A channel whose parser burns, swells or breaks as its payload says; the worker of the poison test knows it."""

import os

from django.apps import AppConfig


class PoisonConfig(AppConfig):
    """Adds the channel kind `poison`, with a CPU cap of a second: the real ones are asserted where they are set."""

    name = "tests.flows"
    label = "poison"

    def ready(self) -> None:
        from channels_inbox import confined
        from channels_inbox.adapters import adapter_classes

        confined.CPU_SECONDS = 1
        adapter_classes()["poison"] = poison_adapter()


def poison_adapter() -> type:
    """Return the adapter class. `burn`, `burn and swallow`, `swell`, `break`, `die`; all else is a good message."""
    from channels_inbox.adapters.base import Adapter, ParsedMessage, Person

    class PoisonAdapter(Adapter):
        kind = "poison"
        label = "Poison"

        def parse(self, payload: bytes) -> ParsedMessage:
            word = payload.split(b":")[0]
            if word == b"burn":
                while True:
                    pass
            while word == b"burn and swallow":
                try:
                    sum(range(100_000))
                except Exception:
                    continue
            if word == b"swell":
                return ParsedMessage(kind="message", sender=None, text=str(len(bytearray(700 * 1024 * 1024))))
            if word == b"die":
                os._exit(9)
            if word == b"break":
                raise ValueError("não entendi")
            return ParsedMessage(
                kind="message", sender=Person("marina@trigal.example"), text=payload.decode()
            )

    return PoisonAdapter
