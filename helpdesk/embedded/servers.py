"""Decides which servers this process must bring along.

Those whose address is not given, shared with our others.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from helpdesk.embedded.locations import is_given, require_space, shared_lock, try_lock
from helpdesk.embedded.postgres import start_postgres
from helpdesk.embedded.server import Server
from helpdesk.embedded.valkey import start_valkey

SPACE_TO_RUN = 50 * 1024 * 1024


@dataclass
class Servers:
    """The embedded servers of a data directory; a name absent from both is served from outside."""

    data: Path
    postgres: Server | None = None
    valkey: Server | None = None
    use: IO[str] | None = field(default=None, repr=False)

    def environment(self) -> dict[str, str]:
        """The addresses for our processes; empty for servers from outside, whose address is there already."""
        given = {"DATABASE_URL": self.postgres, "REDIS_URL": self.valkey}
        return {name: server.url for name, server in given.items() if server}

    def heal(self) -> list[str]:
        """Start again what died; the names of what was started."""
        healed = []
        if self.valkey and self.valkey.needs_restart():
            self.valkey.stop()
            self.valkey = start_valkey(self.data)
            healed.append("valkey")
        if self.postgres and self.postgres.needs_restart():
            self.postgres.stop()
            self.postgres = start_postgres(self.data)
            healed.append("postgres")
        return healed

    def stop(self) -> None:
        """Stop both, Valkey first, unless another process of ours still uses them."""
        if self.use:
            self.use.close()
        alone = try_lock(self.data / ".servers-in-use")
        if alone is None:
            return
        with contextlib.closing(alone):
            for server in (self.valkey, self.postgres):
                if server:
                    server.stop()


def start_servers(data: Path) -> Servers:
    """Start or join what is needed. Raises Refusal; then nothing of ours is left running."""
    servers = Servers(data)
    if not (is_given("DATABASE_URL") and is_given("REDIS_URL")):
        require_space(data, wanted=SPACE_TO_RUN)
    servers.use = shared_lock(data / ".servers-in-use")  # waits while the last user is stopping them
    try:
        if not is_given("DATABASE_URL"):
            servers.postgres = start_postgres(data)
        if not is_given("REDIS_URL"):
            servers.valkey = start_valkey(data)
    except BaseException:
        servers.stop()
        raise
    return servers


@contextlib.contextmanager
def running_servers(data: Path) -> Iterator[Servers]:
    """The servers for the length of a command."""
    servers = start_servers(data)
    try:
        yield servers
    finally:
        servers.stop()
