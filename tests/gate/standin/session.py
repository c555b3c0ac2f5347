"""A session that tells what reached it: each head as it came, and bytes back after an upgrade."""

import json
import os
import socketserver
from pathlib import Path


class Teller(socketserver.StreamRequestHandler):
    """Answers one request for each connection."""

    def handle(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.rfile.read(1)
        if b"Upgrade" in head:
            self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
            while said := self.request.recv(1000):
                self.wfile.write(said)
            return
        if b"/mute " in head:
            return
        self.wfile.write(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n")
        stays = b"Connection: keep-alive\r\nKeep-Alive: timeout=60\r\n"
        self.wfile.write(b"%bContent-Length: %d\r\n\r\n%b" % (stays, len(head), head))


class Hall(socketserver.ThreadingTCPServer):
    """Serves each connection on a thread that nobody waits for."""

    daemon_threads = True


with Hall(("127.0.0.1", 0), Teller) as hall:
    facts = {"attempt": int(os.environ["ALLMENDE_ATTEMPT"]), "port": hall.server_address[1]}
    Path(os.environ["ALLMENDE_OUT"], "session.json").write_text(json.dumps(facts))
    hall.serve_forever()
