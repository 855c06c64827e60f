"""Reads the expected table and asks the product; `expected.yaml` explains its columns."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from tests.authorization.routes import Route
from tests.authorization.world import ROLES, Things, World

FILE = Path(__file__).with_name("expected.yaml")
METHODS = ("GET", "POST")


def expected() -> dict[str, dict[str, Any]]:
    return yaml.safe_load(FILE.read_text(encoding="utf-8")) or {}


def address(route: Route, row: dict[str, Any], things: Things) -> str:
    """Return the path of a route for the things of one side; `with` says which argument names which thing."""
    names = row.get("with", {})
    return reverse(route.name, kwargs={each: things.get(names[each]) for each in route.arguments})


def data_for(row: dict[str, Any], things: Things) -> dict[str, Any]:
    """Return what is posted; `@ticket` stands for a thing of that side."""
    given = row.get("post", {})
    return {
        k: str(things.get(v[1:])) if isinstance(v, str) and v.startswith("@") else v for k, v in given.items()
    }


def ask(
    client: Client,
    method: str,
    path: str,
    data: dict[str, Any] | None = None,
    *,
    then: Callable[[], None] = lambda: None,
) -> HttpResponse:
    """Send one request, look at the rows with `then`, and undo what it did; rate limits are forgotten."""
    cookies = client.cookies.output()
    kept = {name: morsel.value for name, morsel in client.cookies.items()}
    with transaction.atomic():
        answer = client.get(path) if method == "GET" else client.post(path, data or {})
        if not answer.streaming:
            _ = answer.content
        then()
        transaction.set_rollback(True)
    cache.clear()
    if client.cookies.output() != cookies:
        client.cookies.clear()
        for name, value in kept.items():
            client.cookies[name] = value
    return answer


def word(answer: HttpResponse) -> str:
    """Say an answer shortly: its status, or `login` and `code` for the two doors of the account pages."""
    target = answer.get("Location", "")
    if target.startswith(reverse(settings.LOGIN_URL)):
        return "login"
    if answer.status_code == 302 and target.startswith(reverse("mfa_activate_totp")):
        return "code"
    return str(answer.status_code)


def observe(world: World, route: Route, row: dict[str, Any]) -> dict[str, str]:
    """Return `GET a: …` lines as the product answers them now, one column a role."""
    sides = {" a": world.a, " b": world.b} if route.arguments else {"": world.a}
    lines = {}
    for method in METHODS:
        for side, things in sides.items():
            path, data = address(route, row, things), data_for(row, things)
            answers = (word(ask(world.clients[role], method, path, data)) for role in ROLES)
            lines[f"{method}{side}"] = " ".join(answers)
    return lines
