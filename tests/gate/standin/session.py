"""A session that tells what reached it: each head as it came, and bytes back after an upgrade."""

import json
import os
import socketserver
import ssl
import tempfile
from pathlib import Path

CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
with tempfile.NamedTemporaryFile("w") as file:
    file.write(os.environ["ALLMENDE_SESSION_IDENTITY"])
    file.flush()
    CONTEXT.load_cert_chain(file.name)


class Teller(socketserver.StreamRequestHandler):
    """Answers one request for each connection."""

    def setup(self) -> None:
        self.request = CONTEXT.wrap_socket(self.request, server_side=True)
        super().setup()

    def handle(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.rfile.read(1)
        if b"Upgrade" in head:
            self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
            while said := self.request.recv(1000):
                self.wfile.write(said)
        elif b"/mute " not in head:
            self.wfile.write(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n")
            stays = b"Connection: keep-alive\r\nKeep-Alive: timeout=60\r\n"
            self.wfile.write(b"%bContent-Length: %d\r\n\r\n%b" % (stays, len(head), head))
        self.request.unwrap()


class Hall(socketserver.ThreadingTCPServer):
    """Serves each connection on a thread that nobody waits for."""

    daemon_threads = True


with Hall((os.environ["ALLMENDE_SESSION_ADDRESS"], 0), Teller) as hall:
    facts = {"attempt": int(os.environ["ALLMENDE_ATTEMPT"]), "port": hall.server_address[1]}
    out = Path(os.environ["ALLMENDE_OUT"])
    draft = out / ".session.json.new"  # whoever sees it reads all of it
    draft.write_text(json.dumps(facts))
    draft.replace(out / "session.json")
    hall.serve_forever()
