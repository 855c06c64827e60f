"""What no page may do, read from the source: fetch past the viewer, build SQL, load code from data (A07, A20, A26)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("tickets/views", "tickets/portal", "tickets/attachments.py", "tickets/mailbox_views.py")
SOURCE = ("helpdesk", "channels_inbox", "tickets")

# (file, model) → why it may ask the model itself
ALLOWED = {
    ("tickets/portal/access.py", "Ticket"): "the customer's cookie is the permission; no user is signed in",
    ("tickets/portal/doors.py", "Department"): "the help form shows every department that is in use",
    ("tickets/portal/forms.py", "Department"): "the help form may be sent to every department that is in use",
    ("tickets/portal/page.py", "ThreadEntry"): "entries of the one ticket the cookie opens",
    ("tickets/portal/submissions.py", "Ticket"): "the one ticket the cookie opens, locked",
    ("tickets/portal/submissions.py", "ThreadEntry"): "looked up by the form's own idempotency key",
    ("tickets/views/actions.py", "Department"): "narrowed by departments_with(…, 'ticket_assign')",
    (
        "tickets/views/new.py",
        "Department",
    ): "a ticket may be opened in every department (D.1 ticket_create: all)",
    ("tickets/views/thread.py", "ThreadEntry"): "entries of a ticket already fetched through the viewer",
    (
        "tickets/views/thread.py",
        "Ticket",
    ): "names a ticket the viewer cannot open by nothing but its protocol",
}


def files(*places: str) -> Iterator[Path]:
    for place in places:
        path = ROOT / place
        yield from [path] if path.is_file() else sorted(path.rglob("*.py"))


def guarded_models() -> set[str]:
    """Return every model that knows who may see its rows."""
    return {m.__name__ for m in apps.get_models() if hasattr(m._default_manager.get_queryset(), "visible_to")}


def unguarded_fetches() -> set[tuple[str, str]]:
    """Return (file, model) for each `Model.objects.x` in a page where x is not `visible_to`."""
    models, found = guarded_models(), set()
    for file in files(*PAGES):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Attribute) or node.attr == "visible_to":
                continue
            name = ast.unparse(node.value).removesuffix(".objects")
            if ast.unparse(node.value) == f"{name}.objects" and name in models:
                found.add((str(file.relative_to(ROOT)), name))
    return found


def test_pages_fetch_through_the_viewer():
    assert {"Ticket", "ThreadEntry", "Department"} <= guarded_models()
    found = unguarded_fetches()
    assert found - set(ALLOWED) == set(), "fetch through visible_to(request.user), or say here why not"
    assert set(ALLOWED) - found == set(), "no longer needed"


def calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func)


def imports(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.name for alias in node.names} | {getattr(node, "module", None) or ""}
    return found


def test_no_sql_is_built_and_no_code_is_loaded_from_data():
    for file in files(*SOURCE):
        tree, where = ast.parse(file.read_text(encoding="utf-8")), str(file.relative_to(ROOT))
        imported = imports(tree)
        assert "RawSQL" not in imported, where
        if where != "channels_inbox/confined.py":  # its pickle goes between two of our own processes
            assert imported & {"pickle", "marshal", "shelve", "dill"} == set(), where
        for line, name in calls(tree):
            last = name.rsplit(".", 1)[-1]
            assert name not in {"eval", "exec", "yaml.load", "yaml.unsafe_load", "yaml.full_load"}, (
                where,
                line,
            )
            assert not (last in {"raw", "extra"} and ".objects" in name), (where, line)


NAMING = {"annotate", "alias", "values", "aggregate", "filter", "exclude", "order_by"}


def test_no_query_takes_its_names_from_a_request():
    # CVE-2025-57833 and relatives: column aliases from dictionary keys
    for file in files(*PAGES, "tickets/admin"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in NAMING:
                assert all(each.arg for each in node.keywords), (file.name, node.lineno)


def test_an_ignored_type_says_why():
    bare = re.compile(r"# type: ignore(\[[^\]]*\])?\s*$")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files(*SOURCE, "tests", "benchmarks")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if bare.search(line)
    ]
    assert found == []
