"""Where the nodes of a job meet each other: a port that only a listener can take away."""

import contextlib
import secrets
import socket

# Below those that outgoing connections get (ip(7), ip_local_port_range): a job may install what it
# needs for minutes before it listens, and any connection could have taken the port by then.
FIRST_PORT = 20_000
PORTS = 10_000


def find_free_port() -> int:
    """Return a port that is free now."""
    while True:
        port = FIRST_PORT + secrets.randbelow(PORTS)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
