"""Decides which channel kinds exist: every module of this package that defines an `Adapter`."""

import importlib
import pkgutil
from functools import lru_cache

from channels_inbox.adapters.base import Adapter
from channels_inbox.models import Channel


@lru_cache
def adapter_classes() -> dict[str, type[Adapter]]:
    """Return kind → class for every adapter file; a new file needs no registration."""
    found: dict[str, type[Adapter]] = {}
    for module_info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{module_info.name}")
        for value in vars(module).values():
            if (
                isinstance(value, type)
                and issubclass(value, Adapter)
                and value.kind
                and value.__module__ == module.__name__
            ):
                found[value.kind] = value
    return found


def adapter_for(channel: Channel) -> Adapter:
    """Return the adapter of a channel. Raises `KeyError` when its kind has no file any more."""
    return adapter_classes()[channel.kind](channel)
