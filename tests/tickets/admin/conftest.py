"""Decides how the tests of the set-up room enter it: as an administrator who gave the second factor."""

import pytest
from django.test import Client

from helpdesk.accounts.second_factor import PASSED_KEY
from helpdesk.people.models import User


def enter(user: User) -> Client:
    """Return a browser in which the person is signed in, second factor included."""
    client = Client()
    client.force_login(user)
    session = client.session
    session[PASSED_KEY] = user.pk
    session.save()
    return client


@pytest.fixture
def boss(person) -> User:
    return person("renata", "admin", None)


@pytest.fixture
def room(boss) -> Client:
    """The set-up room, opened by an administrator."""
    return enter(boss)
