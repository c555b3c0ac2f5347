"""A network for one site: from inside it nothing is reached but what listens there for it.

Run as a program in a network namespace, this brings up its loopback and keeps it until it is told
to end.
"""

import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS = 0x8914
IFF_UP = 1


@dataclass
class Network:
    """A network namespace with a loopback and no way out; it goes with its holder."""

    holder: subprocess.Popen

    @property
    def path(self) -> str:
        return f"/proc/{self.holder.pid}/ns/net"

    def wrap(self, command: list[str]) -> list[str]:
        """Return the command as it is run inside."""
        return ["nsenter", f"--net={self.path}", "--", *command]

    def listen(self) -> socket.socket:
        """Return a socket that listens inside, for whoever is outside to serve."""
        sockets: list[socket.socket] = []
        inside = threading.Thread(target=lambda: sockets.append(_listen_in(self.path)))
        inside.start()  # only this thread goes inside
        inside.join()
        return sockets[0]

    def reaches(self, port: int) -> bool:
        """Say whether a program inside can call a port of the loopback."""
        call = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)"
        done = subprocess.run(self.wrap([sys.executable, "-c", call]), capture_output=True)
        return done.returncode == 0

    def close(self) -> None:
        self.holder.kill()
        self.holder.communicate()


def open_network() -> Network | None:
    """Return a new network, or None where this machine does not let us make one."""
    holder = subprocess.Popen(
        ["unshare", "--net", sys.executable, "-m", "tests.agent.networks"],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert holder.stdout is not None
    if holder.stdout.readline():
        return Network(holder)
    holder.communicate()
    return None


def _listen_in(path: str) -> socket.socket:
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(path).open() as namespace:
        if libc.setns(namespace.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return socket.create_server(("127.0.0.1", 0))


def hold() -> None:
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP))
    sys.stdout.write("up\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    hold()
