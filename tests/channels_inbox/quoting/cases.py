"""Read the labelled mails in ``cases/``: «=== name», the body, «--- keeps» and the expected visible text."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "cases"


class Case(NamedTuple):
    name: str
    body: str
    keeps: str  # empty: the mail stays whole


def read_cases(file_name: str) -> list[Case]:
    found = []
    for block in ("\n" + (FOLDER / file_name).read_text(encoding="utf-8")).split("\n=== ")[1:]:
        name, _, rest = block.partition("\n")
        body, _, keeps = rest.partition("\n--- keeps\n")
        found.append(Case(name, body.strip("\n"), keeps.strip("\n")))
    return found
