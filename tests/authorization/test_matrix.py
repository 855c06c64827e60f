"""The authorisation matrix: every route × role × own or foreign object × method, as `expected.yaml` says (A07)."""

import pytest
import yaml

from tests.authorization.routes import Route, all_routes
from tests.authorization.table import METHODS, expected, observe

pytestmark = pytest.mark.django_db
ROUTES = all_routes()
TABLE = expected()


def test_every_route_is_listed_and_none_is_gone():
    names = [route.name for route in ROUTES]
    missing = [route for route in ROUTES if route.name not in TABLE]
    assert not missing, "add to expected.yaml, after thinking who may: " + ", ".join(
        f"{route.name} ({route.path})" for route in missing
    )
    assert sorted(set(TABLE) - set(names)) == []
    assert len(names) == len(set(names))


@pytest.mark.parametrize("route", [each for each in ROUTES if each.name in TABLE], ids=lambda each: each.name)
def test_route_answers_each_role_as_the_table_says(world, route: Route):
    row = TABLE[route.name]
    wanted = {key: value for key, value in row.items() if key.split()[0] in METHODS}
    seen = observe(world, route, row)
    assert seen == wanted, (
        f"seen now:\n{yaml.safe_dump({route.name: {**row, **seen}}, sort_keys=False, width=200)}"
    )
