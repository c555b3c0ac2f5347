"""A WebSocket as a client: texts of every size pass, pings are answered, and the end is told."""

import asyncio
import base64
import hashlib
import struct
from collections.abc import Awaitable, Callable

import pytest

from allmende.wiring.websockets import PROOF, WebSocket, open_websocket

Served = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def visit(serve: Served, act: Callable[[WebSocket], Awaitable[None]], *, proof: str = "") -> None:
    """Open a line to a server that shakes hands and then does what the test says."""

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = head.split("Sec-WebSocket-Key: ")[1].split("\r\n")[0]
        right = base64.b64encode(hashlib.sha1(key.encode() + PROOF).digest()).decode()
        answer = f"HTTP/1.1 101 Yes\r\nSec-WebSocket-Accept: {proof or right}\r\n\r\n"
        writer.write(answer.encode())
        await serve(reader, writer)
        writer.close()

    async def whole() -> None:
        async with await asyncio.start_server(receive, "127.0.0.1", 0) as server:
            place = server.sockets[0].getsockname()
            line = await open_websocket(place, "/x", headers={"Host": "x"})
            async with asyncio.timeout(60):
                await act(line)
            line.writer.close()

    asyncio.run(whole())


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return what a client sent: it is masked."""
    first, second = await reader.readexactly(2)
    assert second & 0x80
    size = second & 0x7F
    if size == 126:
        (size,) = struct.unpack(">H", await reader.readexactly(2))
    elif size == 127:
        (size,) = struct.unpack(">Q", await reader.readexactly(8))
    mask = await reader.readexactly(4)
    content = await reader.readexactly(size)
    return first, bytes(byte ^ mask[i % 4] for i, byte in enumerate(content))


def frame(first: int, content: bytes) -> bytes:
    size = len(content)
    if size < 126:
        return bytes([first, size]) + content
    if size < 2**16:
        return struct.pack(">BBH", first, 126, size) + content
    return struct.pack(">BBQ", first, 127, size) + content


@pytest.mark.parametrize("size", [0, 125, 126, 2**16 - 1, 2**16])
def test_a_text_of_any_size_passes_both_ways(size: int):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, content = await read_frame(reader)
        assert first == 0x81
        writer.write(frame(0x81, content))

    async def act(line: WebSocket) -> None:
        text = "ä" * (size // 2) + "x" * (size % 2)
        await line.send(text)
        assert await line.receive() == text

    visit(serve, act)


def test_pings_are_answered_between_the_parts_of_a_text_and_the_end_is_told():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(frame(0x01, b"one ") + frame(0x89, b"there?") + frame(0x80, b"text"))
        assert await read_frame(reader) == (0x8A, b"there?")
        writer.write(frame(0x88, b"") + frame(0x81, b"too late"))

    async def act(line: WebSocket) -> None:
        assert await line.receive() == "one text"
        assert await line.receive() is None

    visit(serve, act)


@pytest.mark.parametrize("last", [b"", frame(0x81, b"whole")[:3], b"\x81\x7f" + b"\x7f" * 8])
def test_a_line_that_breaks_or_says_more_than_anybody_takes_has_ended(last: bytes):
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(last)

    async def act(line: WebSocket) -> None:
        assert await line.receive() is None

    visit(serve, act)


def test_what_does_not_know_the_protocol_is_no_line():
    async def serve(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        pass

    async def act(_: WebSocket) -> None:
        pass

    with pytest.raises(ConnectionError):
        visit(serve, act, proof="guessed")
