"""Decides the language of what is said before Django is there: Portuguese, or English if LANG says so.

The texts live in the product's one catalogue (`locale/`), read here with the standard library alone.
"""

import gettext as catalogue
import os
from functools import cache
from pathlib import Path

LOCALE_DIR = Path(__file__).resolve().parents[2] / "locale"


def speaks_english() -> bool:
    """True when the environment asks for English; POSIX order of the variables, empty ones do not count."""
    wanted = next(
        (value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), ""
    )
    return wanted.lower().startswith("en")


@cache
def _translation(english: bool) -> catalogue.NullTranslations:
    if english:
        return catalogue.NullTranslations()
    return catalogue.translation("django", localedir=LOCALE_DIR, languages=["pt_BR"], fallback=True)


def gettext(message: str) -> str:
    """The message in the language of the terminal (msgid in English, as everywhere)."""
    return _translation(speaks_english()).gettext(message)


class Refusal(Exception):
    """Something outside prevents the work; the message is the one sentence the person sees (exit code 1)."""
