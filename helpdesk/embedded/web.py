"""Decides how the web process listens: on the socket that the supervisor holds open."""

import os
import socket

import uvicorn

from helpdesk.embedded.sockets import LISTENER


def main() -> None:
    """Serve the application until told to end; at most ten seconds for what is under way."""
    listener = socket.socket(fileno=int(os.environ[LISTENER]))
    listener.set_inheritable(False)
    config = uvicorn.Config(
        "helpdesk.asgi:application",
        access_log=False,
        log_config=None,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
