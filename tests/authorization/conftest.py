"""Decides how the matrix runs: one world a module, and every single request rolled back."""

import pytest
from django.db import transaction

from tests.authorization.world import World, build


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker) -> World:
    with django_db_blocker.unblock():
        block = transaction.atomic()
        block._from_testcase = True  # claims ask for the outermost transaction, as in Django's own test cases
        block.__enter__()
        try:
            yield build()
        finally:
            transaction.set_rollback(True)
            block.__exit__(None, None, None)
