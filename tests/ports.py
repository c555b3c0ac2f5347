"""Ports for programs that tests start, and that are told where to listen."""

import secrets
import socket


def find_free_port() -> int:
    """Return a port on which nobody listens, and which no outgoing connection gets meanwhile.

    A port that the system gives out for 0 may be given out again before the program has begun.
    """
    while True:
        port = 11_000 + secrets.randbelow(9_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
