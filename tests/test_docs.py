"""The documentation says what the code does: every variable, command and link, in the right place and language."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
CONFIGURATION = ROOT / "docs" / "admin" / "configuration.md"
READERS = {"env_str", "env_secret", "env_bool", "env_int", "env_list", "env_url"}
BY_COMPOSE = {"POSTGRES_PASSWORD", "FORWARDED_ALLOW_IPS", "NETWORK_PREFIX"}
PICTURES = {"docs/images/desk.png"}
_LINK = re.compile(r"\]\(([^)#]+)(#[^)]*)?\)")
_ROW = re.compile(r"^\| `([A-Z][A-Z0-9_]+)` \|(.+)\|(.+)\|(.+)\|$", re.MULTILINE)
_COMMAND = re.compile(r"(?:\./hd manage|manage\.py) ([a-z_]+)")
_PATH = re.compile(r"`((?:helpdesk|channels_inbox|tickets|tests|benchmarks|locale)/[\w/.*-]*)`")


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Yield (variable, call) for everything the settings read from the environment."""
    for node in ast.walk(ast.parse((ROOT / "helpdesk" / "settings.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in READERS:
            yield ast.literal_eval(node.args[0]), node


def default_of(call: ast.Call) -> str | None:
    """Return how the page says a constant default; None where it depends on other settings."""
    value = next((each.value for each in call.keywords if each.arg == "default"), None)
    if isinstance(value, ast.List) and not value.elts:
        return "empty"
    if not isinstance(value, ast.Constant) or value.value is None:
        return None
    if isinstance(value.value, bool):
        return f"`{str(value.value).lower()}`"
    return f"`{value.value}`" if value.value != "" else "empty"


def rows() -> dict[str, tuple[str, str, str]]:
    """Return variable → (meaning, default, example) as the page tells them."""
    found = _ROW.findall(CONFIGURATION.read_text(encoding="utf-8"))
    assert len(found) == len({name for name, *_rest in found}), "a variable has two rows"
    return {
        name: (meaning.strip(), default.strip(), example.strip()) for name, meaning, default, example in found
    }


def test_every_variable_is_documented_and_no_other():
    assert set(rows()) == {name for name, _call in calls()}


def test_documented_defaults_are_those_of_the_code():
    told = rows()
    for name, call in calls():
        meaning, default, _example = told[name]
        assert len(meaning) > 10, name
        expected = default_of(call)
        if expected is not None:
            assert default.startswith(expected), f"{name}: {default} instead of {expected}"
        else:
            assert default, name


def test_choices_and_limits_are_told():
    told = rows()
    for name, call in calls():
        facts = {each.arg: each.value for each in call.keywords}
        if "choices" in facts:
            assert all(f"`{choice}`" in told[name][0] for choice in ast.literal_eval(facts["choices"])), name
        if name.endswith(("_SECONDS", "_BATCH")):
            limits = (ast.literal_eval(facts["minimum"]), ast.literal_eval(facts["maximum"]))
            assert "({} to {})".format(*limits) in told[name][0], name


def test_the_compose_file_passes_on_documented_variables_only():
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    passed = set(services["web"]["environment"])
    text = CONFIGURATION.read_text(encoding="utf-8")
    assert passed - BY_COMPOSE <= set(rows())
    assert all(f"`{name}`" in text for name in BY_COMPOSE)
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))
    assert named <= passed | BY_COMPOSE


def test_the_compose_file_believes_one_address_and_no_network():
    # A17: whoever may set X-Forwarded-For chooses the address that pauses and the audit trail go by
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    gateway = compose["networks"]["default"]["ipam"]["config"][0]["gateway"]
    web = compose["services"]["web"]
    assert web["environment"]["FORWARDED_ALLOW_IPS"] == f"${{FORWARDED_ALLOW_IPS:-{gateway}}}"
    assert web["ports"] == ["127.0.0.1:8000:8000"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_commands_and_paths_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target, _anchor in _LINK.findall(text):
        if not target.startswith("https://"):
            place = (page.parent / target).resolve()
            assert place.exists() or str(place.relative_to(ROOT)) in PICTURES, target
    for command in _COMMAND.findall(text):
        assert command in get_commands() or command == "command", command
    for path in _PATH.findall(text):
        assert list(ROOT.glob(path.rstrip("/"))), path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_name_reserved_hosts_only(page):
    text = page.read_text(encoding="utf-8")
    real = {"keepachangelog.com", "semver.org", "mail.google.com"}
    hosts = set(re.findall(r"https?://(?:[^@/\s`]+@)?([\w.-]+)", text)) - {"HOST", "127.0.0.1", "localhost"}
    assert all(host in real or host.endswith((".example", "example.com")) for host in hosts), hosts
    assert not re.search(r"/(?:root|home|work)/", text)


def test_flags_of_up_are_documented():
    from helpdesk.embedded.up import parse_options

    text = (ROOT / "docs" / "admin" / "install.md").read_text(encoding="utf-8")
    flags = {f"--{name.replace('_', '-')}" for name in vars(parse_options([]))}
    assert flags == set(re.findall(r"^\| `(--[a-z-]+)`", text, re.MULTILINE))


def test_keys_of_the_guide_are_those_of_the_desk():
    script = (ROOT / "helpdesk" / "static" / "js" / "keys.js").read_text(encoding="utf-8")
    keys = set(re.findall(r"^  \"?([a-zN?])\"?:", script, re.MULTILINE))
    guide = (ROOT / "docs" / "analyst" / "desk.md").read_text(encoding="utf-8").split("## Atalhos")[1]
    told = set(re.findall(r"`([A-Z?])`", guide))
    assert {key.upper() for key in keys} <= told


def test_portuguese_pages_keep_the_tone():
    # the words of the design's voice
    for page in (ROOT / "docs" / "analyst" / "desk.md", ROOT / "docs" / "customer" / "tracking.md"):
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"\b(ticket|tickets|macro|departamento|encerrar)\b", text, re.IGNORECASE)
        assert not re.search(r"\d\d:\d\d", text)


def test_licence_and_changelog():
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License\n\nCopyright (c) ")
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
