"""Decides at start-up whether every channel file keeps the contract of `adapters/base.py`."""

from typing import Any

from django.core import checks

from channels_inbox.adapters import adapter_classes
from channels_inbox.adapters.base import Adapter, Field


@checks.register("channels")
def check_adapters(app_configs: Any, **_kwargs: Any) -> list[checks.CheckMessage]:
    """Report each class that lacks a kind, a label, its fields, or one of the three methods."""
    return [problem for kind, adapter in adapter_classes().items() for problem in problems_of(kind, adapter)]


def problems_of(kind: str, adapter: type[Adapter]) -> list[checks.CheckMessage]:
    """Return what is wrong with one adapter class."""
    wrong = []
    if not adapter.label:
        wrong.append("label is missing")
    if not all(isinstance(field, Field) for field in adapter.fields):
        wrong.append("fields must be a tuple of Field")
    elif len({field.name for field in adapter.fields}) != len(adapter.fields):
        wrong.append("two fields share a name")
    if not isinstance(adapter.capabilities, frozenset):
        wrong.append("capabilities must be a frozenset")
    for method in ("parse", "send"):
        if getattr(adapter, method) is getattr(Adapter, method):
            wrong.append(f"{method}() is missing")
    return [checks.Error(f"channel {kind}: {text}", obj=adapter, id="channels_inbox.E001") for text in wrong]
