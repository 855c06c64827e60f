"""Walks the URL map: every address of the product with its name and arguments. One without a name is an error."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver


@dataclass(frozen=True)
class Route:
    """One address: its full name, its path template, what its arguments are called."""

    name: str
    path: str
    arguments: tuple[str, ...]


def all_routes() -> list[Route]:
    """Return every route, admin, accounts and customer pages included, in the order of the URL map."""
    return list(_walk(get_resolver().url_patterns, "", ""))


def _walk(patterns: list, prefix: str, namespace: str) -> Iterator[Route]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _walk(pattern.url_patterns, path, inner)
        elif isinstance(pattern, URLPattern):
            assert pattern.name, f"{path} has no name: nobody could list it"
            yield Route(namespace + pattern.name, path, tuple(pattern.pattern.converters))
