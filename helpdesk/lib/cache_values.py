"""Decides in which form values lie in the cache: plain JSON, never pickle (A26).

Django's own serializer runs whatever a pickle says; who can write to Redis could then run code in the web process.
"""

import json
from typing import Any


class JsonSerializer:
    """Numbers stay numbers, so that counting is atomic; what cannot be read counts as not there."""

    def dumps(self, value: Any) -> int | bytes:
        return value if type(value) is int else json.dumps(value).encode("ascii")

    def loads(self, data: bytes | int) -> Any:
        try:
            return json.loads(data) if isinstance(data, bytes) else int(data)
        except ValueError:
            return None
