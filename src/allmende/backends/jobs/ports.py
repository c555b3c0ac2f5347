"""Where the nodes of a job meet each other: a port that only a listener can take away."""

import secrets
import socket

# Below those that outgoing connections usually get (ip(7), ip_local_port_range): a job may install
# what it needs for minutes before it listens, and any connection could have taken it by then.
FIRST_PORT = 20_000
PORTS = 10_000
DRAWS = 100


def find_free_port() -> int:
    """Return a port that is free now; raises OSError where some draws have found none."""
    for _ in range(DRAWS):
        port = FIRST_PORT + secrets.randbelow(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                problem = error
            else:
                return port
    raise problem
