"""Unsafe requests: refused without their token, webhooks without their signature (A28); fields nobody offered change
nothing (A09); whoever must give a second factor opens nothing before it."""

from typing import Any

import pytest
from django.test import Client

from channels_inbox.models import Channel, InboundMessage, OutboundMessage
from helpdesk.people.models import Contact, SiteSettings, User
from tests.authorization.routes import Route, all_routes
from tests.authorization.table import METHODS, address, ask, data_for, expected, word
from tests.authorization.world import ROLES, World, sign_in
from tickets.models import Department, Membership, ThreadEntry, Ticket, TrackingToken

pytestmark = pytest.mark.django_db
TABLE = expected()
ROUTES = [route for route in all_routes() if route.name in TABLE]
BY_SIGNATURE = {
    "channels_inbox:webhook", "channels_inbox:postmark_inbound", "channels_inbox:postmark_tracking",
    "channels_inbox:mailgun_inbound", "channels_inbox:mailgun_tracking",
}  # fmt: skip


@pytest.fixture(scope="module")
def strict(world: World) -> Client:
    """An administrator's browser from which every form comes without its token."""
    client = Client(enforce_csrf_checks=True)
    sign_in(client, world.people["admin"])
    return client


@pytest.mark.parametrize("route", ROUTES, ids=lambda each: each.name)
def test_a_post_without_token_is_refused(world: World, strict: Client, route: Route):
    # A28
    row = TABLE[route.name]
    answer = ask(strict, "POST", address(route, row, world.a), data_for(row, world.a))
    assert answer.status_code == (401 if route.name in BY_SIGNATURE else 403)


OPEN_WITHOUT_FACTOR = {"mfa_activate_totp", "account_logout", "set_language", "healthz", "readyz", "metrics"}


@pytest.fixture(scope="module")
def half(world: World) -> Client:
    """An administrator's browser after the password and before the second factor."""
    client = Client()
    client.force_login(world.people["admin"])
    return client


@pytest.mark.parametrize("route", ROUTES, ids=lambda each: each.name)
def test_nothing_opens_before_the_second_factor(world: World, half: Client, route: Route, settings):
    # R-426, A28: the set-up room above all
    settings.REQUIRE_SECOND_FACTOR = True
    row = TABLE[route.name]
    for method in METHODS:
        answer = word(ask(half, method, address(route, row, world.a), data_for(row, world.a)))
        assert (answer == "code") == (route.name not in OPEN_WITHOUT_FACTOR), (route.name, method, answer)


EXTRA = dict.fromkeys(
    (
        "is_superuser", "is_staff", "is_active", "password", "security_stamp", "role", "memberships", "user", "author",
        "author_id", "actor", "contact", "contact_id", "department_id", "channel_id", "number", "protocol", "token",
        "token_hash", "id", "pk", "merged_into", "imported", "demo", "held", "queue_key", "last_entry_id", "payload",
        "recipient", "message_id", "idem_key", "withdrawn", "outgoing_paused", "preset", "guard_profile",
        "sealed_credentials", "cursor", "groups", "user_permissions", "state",
    ),
    "1",
) | dict.fromkeys(("created_at", "received_at", "date_joined", "revoked_at", "alarmed_at"), "2001-01-01")  # fmt: skip


def snapshot() -> dict[str, Any]:
    """Return everything that no page may change by a field it does not offer."""
    tickets = (
        "id",
        "protocol",
        "contact_id",
        "channel_id",
        "created_at",
        "imported",
        "demo",
        "held",
        "merged_into_id",
    )
    entries = ("id", "author_id", "contact_id", "inbound_id", "created_at", "kind", "message_id")
    return {
        "tickets": list(Ticket.objects.order_by("id").values_list(*tickets)),
        "entries": list(ThreadEntry.objects.order_by("id").values_list(*entries)),
        "users": list(
            User.objects.order_by("id").values_list("id", "email", "password", "is_superuser", "date_joined")
        ),
        "contacts": list(Contact.objects.order_by("id").values_list("id", "created_at")),
        "site": list(SiteSettings.objects.values_list("id", "preset", "guard_profile", "outgoing_paused")),
        "channels": list(Channel.objects.order_by("id").values_list("id", "kind", "cursor", "alarmed_at")),
        "departments": list(Department.objects.order_by("id").values_list("id", "key")),
        "inbound": list(
            InboundMessage.objects.order_by("id").values_list("id", "channel_id", "received_at", "size")
        ),
        "outbound": list(
            OutboundMessage.objects.order_by("id").values_list("id", "recipient", "message_id", "idem_key")[
                :4
            ]
        ),
        "roles": list(Membership.objects.order_by("id").values_list()),
        "tokens": [(each.pk, bytes(each.token_hash)) for each in TrackingToken.objects.order_by("id")],
    }


def writers() -> list[tuple[Route, str]]:
    """Return each route that takes a POST, with the roles that may send it there."""
    found = []
    for route in ROUTES:
        line = TABLE[route.name].get("POST") or TABLE[route.name]["POST a"]
        answers = dict(zip(ROLES, line.split(), strict=True))
        takes = [
            role
            for role in ("agent1", "customer_a", "admin")
            if answers[role] not in {"403", "404", "405", "login"}
        ]
        found += [(route, takes[0])] if takes else []
    return found


@pytest.mark.parametrize(("route", "role"), writers(), ids=lambda each: getattr(each, "name", each))
def test_fields_nobody_offered_change_nothing(world: World, route: Route, role: str):
    # A09: unchanged outside the form's list; the desk's own forms answer 400
    row = TABLE[route.name]
    data = data_for(row, world.a)
    extra = {name: value for name, value in EXTRA.items() if name not in data}
    before, after = snapshot(), {}
    path = address(route, row, world.a)
    answer = ask(world.clients[role], "POST", path, {**extra, **data}, then=lambda: after.update(snapshot()))
    assert answer.status_code < 500
    if route.name == "admin:people_user_change":  # roles are what that form is for
        del before["roles"], after["roles"]
    known = {name: {row[0] for row in rows} for name, rows in before.items()}
    stands = {name: [row for row in rows if row[0] in known[name]] for name, rows in after.items()}
    assert stands == before  # rows the form itself made do not count
