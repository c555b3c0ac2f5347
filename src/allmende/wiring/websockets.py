"""WebSockets as their client: as much of RFC 6455 as a terminal takes.

The standard library has none. Text goes to and fro, pings are answered, and it ends.
"""

import asyncio
import base64
import contextlib
import hashlib
import secrets
import ssl
import struct
from collections.abc import Mapping
from http import HTTPStatus

CONTINUED, TEXT, CLOSE, PING, PONG = 0x0, 0x1, 0x8, 0x9, 0xA
IS_LAST, IS_MASKED = 0x80, 0x80
TWO_BYTES, EIGHT_BYTES = 126, 127  # in place of a size: it follows, in so many
MOST_BYTES = 2**24  # of one message
PROOF = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # by it a server shows that it knows the protocol


class WebSocket:
    """An open line for texts."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, text: str) -> None:
        """Send one text; where the line has ended nobody hears it, and `receive` tells."""
        await self._send(TEXT, text.encode(errors="replace"))

    async def receive(self) -> str | None:
        """Return the next text; None once the line has ended, however it did."""
        whole = b""
        try:
            while True:
                kind, is_last, content = await self._read_frame()
                if kind == CLOSE or len(whole) + len(content) > MOST_BYTES:
                    return None
                if kind == PING:
                    await self._send(PONG, content)
                elif kind in (TEXT, CONTINUED):
                    whole += content
                    if is_last:
                        return whole.decode(errors="replace")
        except (EOFError, OSError):
            return None

    async def _send(self, kind: int, content: bytes) -> None:
        size = len(content)
        if size < TWO_BYTES:
            head = struct.pack(">BB", IS_LAST | kind, IS_MASKED | size)
        elif size < 2**16:
            head = struct.pack(">BBH", IS_LAST | kind, IS_MASKED | TWO_BYTES, size)
        else:
            head = struct.pack(">BBQ", IS_LAST | kind, IS_MASKED | EIGHT_BYTES, size)
        mask = secrets.token_bytes(4)
        masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(content))
        with contextlib.suppress(OSError):
            self.writer.write(head + mask + masked)
            await self.writer.drain()

    async def _read_frame(self) -> tuple[int, bool, bytes]:
        first, size = await self.reader.readexactly(2)
        if size == TWO_BYTES:
            (size,) = struct.unpack(">H", await self.reader.readexactly(2))
        elif size == EIGHT_BYTES:
            (size,) = struct.unpack(">Q", await self.reader.readexactly(8))
        if size > MOST_BYTES:
            raise EOFError
        return first & 0x0F, bool(first & IS_LAST), await self.reader.readexactly(size)


async def open_websocket(
    place: tuple[str, int],
    path: str,
    *,
    headers: Mapping[str, str],
    trust: ssl.SSLContext | None = None,
) -> WebSocket:
    """Open a line to a host and port; `ConnectionError` where it is answered with anything else."""
    reader, writer = await asyncio.open_connection(*place, ssl=trust)
    key = base64.b64encode(secrets.token_bytes(16))
    lines = {
        **headers,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key.decode(),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    writer.write(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())
    try:
        said = await reader.readuntil(b"\r\n\r\n")
    except (EOFError, asyncio.LimitOverrunError) as error:
        writer.close()
        raise ConnectionError(path) from error
    proof = base64.b64encode(hashlib.sha1(key + PROOF, usedforsecurity=False).digest())
    status = f" {HTTPStatus.SWITCHING_PROTOCOLS.value} ".encode()
    if status not in said.partition(b"\r\n")[0] or proof not in said:
        writer.close()
        raise ConnectionError(path)
    return WebSocket(reader, writer)
