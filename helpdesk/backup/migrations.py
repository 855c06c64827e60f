"""Decides which state of the schema an archive or a database has, and whether this code knows it."""

from typing import Any

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from helpdesk.embedded.language import Refusal
from helpdesk.embedded.language import gettext as _

Heads = dict[str, list[str]]


def applied_heads() -> Heads:
    """Per app the last migrations applied to the database, as this code's graph orders them."""
    loader = MigrationLoader(connection)
    applied = set(loader.applied_migrations)
    heads: Heads = {}
    for app, name in sorted(applied & set(loader.graph.nodes)):
        children = {key.key for key in loader.graph.node_map[(app, name)].children}
        if not any(child[0] == app and child in applied for child in children):
            heads.setdefault(app, []).append(name)
    return heads


def refuse_newer_database() -> None:
    """Refuse a database that a newer version has migrated: running older code on it would damage it."""
    loader = MigrationLoader(connection, ignore_no_migrations=True)
    unknown = {key for key in loader.applied_migrations if key[0] in loader.migrated_apps} - set(
        loader.disk_migrations
    )
    if unknown:
        raise Refusal(
            _("The data were written by a newer version of Presteza (%(name)s); use that version.")
            % {"name": ".".join(sorted(unknown)[-1])}
        )


def refuse_newer_heads(heads: Heads) -> None:
    """Refuse an archive whose schema this code does not know."""
    known = set(MigrationLoader(None).disk_migrations)
    unknown = [(app, name) for app, names in heads.items() for name in names if (app, name) not in known]
    if unknown:
        raise Refusal(
            _("The backup was written by a newer version of Presteza (%(name)s); use that version.")
            % {"name": ".".join(unknown[0])}
        )


def migrate_to(heads: Heads | None) -> None:
    """Migrate, inside the caller's transaction, to the given heads or (None) to the newest state."""
    executor = MigrationExecutor(connection)
    targets: Any = executor.loader.graph.leaf_nodes()
    if heads is not None:
        targets = [(app, name) for app, names in heads.items() for name in names]
    executor.migrate(targets)
