"""Decides who works and who writes in the demonstration: a team with one shared random password, and customers."""

import secrets
from collections.abc import Mapping

from django.contrib.auth.hashers import make_password

from helpdesk.people.contacts import canonical_email, identify
from helpdesk.people.models import Organization, User
from tickets.demo.story import cast
from tickets.models import Department, Membership

TEAM_DOMAIN = "presteza.example"


def team_addresses() -> dict[str, str]:
    """Return name in the stories → login of everybody in the team of the demonstration."""
    return {key: f"{key}@{TEAM_DOMAIN}" for key in cast()["team"]}


def make_team() -> tuple[dict[str, User], str]:
    """Make the team with its memberships; return (name → person, the one password they share).

    The password is random, told once, and hashed once: hashing it for each would cost most of the time. Somebody
    an earlier demonstration left behind, switched off, comes back.
    """
    password = secrets.token_urlsafe(12)
    hashed = make_password(password)
    departments = {row.key: row for row in Department.objects.all()}
    team = {}
    for key, email in team_addresses().items():
        facts = cast()["team"][key]
        known = {"name": facts["name"], "password": hashed, "is_active": True}
        team[key], _created = User.objects.update_or_create(email=email, defaults=known)
        rows = [
            Membership(user=team[key], role=role, department=departments[place])
            for role, places in facts["roles"].items()
            for place in places
        ]
        Membership.objects.bulk_create(rows, ignore_conflicts=True)
    return team, password


def make_customers() -> None:
    """Make the known customers with their companies; strangers come with their first mail."""
    companies: dict[str, Organization] = {}
    for facts in cast()["customers"].values():
        name = facts["company"]
        companies[name] = companies.get(name) or Organization.objects.create(name=name)
        _make_customer(facts, companies[name])


def _make_customer(facts: Mapping[str, str], company: Organization) -> None:
    address, language = canonical_email(facts["address"]), facts.get("language", "pt-br")
    contact, _created = identify("email", address, name=facts["name"], language=language)
    contact.organization = company
    contact.save(update_fields=["organization"])
