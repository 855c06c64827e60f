"""Who writes on the answered ticket of `case`, and how a signature is forged."""

import re

MARINA = "Marina Prado <marina@trigal.example>"
STRANGER = "Estranho <estranho@fora.example>"
COPIED = "Contador Exato <contador@exato.example>"


def forged_signature(value: str) -> str:
    """The same id or address with another signature of the right length."""
    return re.sub(r"[a-z2-7]{20}@", "a" * 20 + "@", value)
