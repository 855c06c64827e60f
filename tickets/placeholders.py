"""Decides how the product's texts are filled in: a tiny engine with named variables and blocks, nothing that runs.

`{{group.name}}` is a variable of spec D.15; `[[if condition]]…[[end]]` and `[[if not condition]]…[[end]]` keep or
drop a passage. Values are inserted as they are, never interpreted again; HTML escaping happens where HTML is made
(R-131, A04).
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

import yaml
from django.utils.translation import gettext as _

from tickets.permissions import DATA

_TOKEN = re.compile(r"\{\{\s*([^{}\n]{1,80}?)\s*\}\}|\[\[\s*(if not|if|end)\s*([a-z_]{0,60})\s*\]\]")
_ANY_BRACES = re.compile(r"\{\{|\}\}|\[\[|\]\]|\{%|%\}")


class TemplateError(ValueError):
    """The text names something that does not exist, or its blocks do not close. Shown to the editor."""


@lru_cache
def _vocabulary() -> tuple[frozenset[str], frozenset[str], Mapping[str, str]]:
    data = yaml.safe_load((DATA / "variables.yaml").read_text(encoding="utf-8"))
    groups = {group: names for group, names in data["variables"].items() if group != "functions"}
    names = frozenset(f"{group}.{name}" for group, members in groups.items() for name in members)
    return names, frozenset(data["conditions"]), data["fallbacks"]


def check(text: str) -> None:
    """Raise `TemplateError` for an unknown variable or condition, or a block that does not close."""
    names, conditions, _fallbacks = _vocabulary()
    depth = 0
    for literal, variable, block, condition in _tokens(text):
        if literal and _ANY_BRACES.search(literal):
            raise TemplateError(
                _("“%(text)s” is not closed or not allowed.") % {"text": literal.strip()[:60]}
            )
        if variable and variable not in names:
            raise TemplateError(_("There is no variable “%(name)s”.") % {"name": variable})
        if block and block != "end" and condition not in conditions:
            raise TemplateError(_("There is no condition “%(name)s”.") % {"name": condition})
        depth += 0 if not block else (-1 if block == "end" else 1)
        if depth < 0 or depth > 3:
            raise TemplateError(_("The [[if]] and [[end]] marks do not match."))
    if depth:
        raise TemplateError(_("The [[if]] and [[end]] marks do not match."))


def render(text: str, values: Mapping[str, str], *, conditions: frozenset[str] = frozenset()) -> str:
    """Fill a checked text; return plain text.

    An empty variable takes its fallback of D.15; a line all of whose variables are empty is left out, so that a
    footer shows no label without its value. Unknown variables stay empty (old rows never stop a mail).
    """
    _names, _conditions, fallbacks = _vocabulary()
    shown = _keep_blocks(text, conditions)
    lines = (_render_line(line, values, fallbacks) for line in shown.split("\n"))
    return "\n".join(line for line in lines if line is not None)


def _render_line(line: str, values: Mapping[str, str], fallbacks: Mapping[str, str]) -> str | None:
    parts, asked, filled = [], 0, 0
    for literal, variable, _block, _condition in _tokens(line):
        parts.append(literal)
        if variable:
            value = values.get(variable) or fallbacks.get(variable, "")
            asked, filled = asked + 1, filled + bool(value)
            parts.append(value)
    return None if asked and not filled else "".join(parts)


def _keep_blocks(text: str, conditions: frozenset[str]) -> str:
    kept, stack = [], [True]
    for literal, variable, block, condition in _tokens(text):
        if stack[-1]:
            kept.append(literal)
        if variable and stack[-1]:
            kept.append("{{" + variable + "}}")
        if block in {"if", "if not"}:
            stack.append(stack[-1] and ((condition in conditions) == (block == "if")))
        elif block == "end" and len(stack) > 1:
            stack.pop()
    return "".join(kept)


def _tokens(text: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield (literal before, variable, block word, condition); the last one carries the rest."""
    position = 0
    for match in _TOKEN.finditer(text):
        yield text[position : match.start()], match[1] or "", match[2] or "", match[3] or ""
        position = match.end()
    yield text[position:], "", "", ""
