"""A line that fails in every way a line can, between an agent and the centre.

It drops, delays, cuts, doubles, changes and replays; it keeps what was said, as an attacker would.
"""

import asyncio
import random
import re
import socket
import threading
from collections import Counter
from dataclasses import dataclass, field

LENGTH = re.compile(rb"(?i)content-length: *(\d+)")
COUNTER = re.compile(rb"(?i)allmende-counter: *(\d+)")
FAULTS = (
    "lost_request",
    "lost_answer",
    "cut_request",
    "cut_answer",
    "doubled",
    "replayed",
    "changed_request",
    "changed_answer",
    "delayed",
)


@dataclass
class Line:
    """One proxied line. `faultiness` is how many calls in a hundred go wrong."""

    upstream: int  # the port of the centre
    socket: socket.socket  # on which the agent calls; it may listen in a network of the site's own
    dice: random.Random
    faultiness: float = 0.0
    is_cut: bool = False
    counted: Counter = field(default_factory=Counter)
    accepted: Counter = field(default_factory=Counter)  # calls answered with 200, by counter
    said: list[bytes] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    async def serve(self) -> None:
        async with await asyncio.start_server(self.handle, sock=self.socket) as server:
            await server.serve_forever()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if not self.is_cut:
                await self.pass_on(reader, writer)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            self.counted["broken"] += 1
        finally:
            writer.close()

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await read_message(reader)
        fault = ""
        if self.dice.random() * 100 < self.faultiness:
            fault = self.dice.choice(FAULTS)
        self.counted[fault or "passed"] += 1
        answer = await self.ask(request, fault)
        self.said = [*self.said[-200:], request]
        if answer is not None and not self.is_cut:
            writer.write(answer)
            await writer.drain()

    async def ask(self, request: bytes, fault: str) -> bytes | None:
        """Send a request on, and return what of its answer comes back; None: nothing does."""
        if fault == "lost_request":
            return None
        if fault == "cut_request":
            await self.forward(request[: self.dice.randrange(1, len(request))], is_whole=False)
            return None
        if fault == "changed_request":
            return await self.forward(self.change(request))
        if fault == "delayed":
            await asyncio.sleep(self.dice.uniform(0.2, 1.5))
        if fault == "replayed" and self.said:
            await self.forward(self.dice.choice(self.said))
        answer = await self.forward(request)
        if fault == "doubled":
            answer = await self.forward(request)
        if fault == "lost_answer":
            return None
        if fault == "cut_answer":
            return answer[: self.dice.randrange(len(answer))] if answer else None
        if fault == "changed_answer":
            return self.change(answer) if answer else None
        return answer

    async def replay_everything(self) -> list[int]:
        """Say again all that was said lately; return the statuses of the answers."""
        answers = [await self.forward(request) for request in list(self.said)]
        return [status_of(answer) for answer in answers if answer]

    async def forward(self, request: bytes, *, is_whole: bool = True) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        try:
            writer.write(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            await writer.drain()
            if not is_whole:
                return b""
            answer = await asyncio.wait_for(reader.read(), 30)
        finally:
            writer.close()
        counter = COUNTER.search(request)
        if counter and status_of(answer) == 200:
            self.accepted[int(counter[1])] += 1
        return answer

    def change(self, message: bytes) -> bytes:
        """Change one byte of the body, as far as there is one."""
        start = message.find(b"\r\n\r\n") + 4
        if start >= len(message):
            return message
        place = self.dice.randrange(start, len(message))
        return message[:place] + bytes([message[place] ^ 1]) + message[place + 1 :]


class Proxies:
    """Lines in a thread of their own."""

    def __init__(self, upstream: int, sockets: list[socket.socket], seed: int) -> None:
        dice = [random.Random(f"{seed}-{number}") for number in range(len(sockets))]
        self.lines = [Line(upstream, *each) for each in zip(sockets, dice, strict=True)]
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        for line in self.lines:
            asyncio.run_coroutine_threadsafe(line.serve(), self.loop)

    def replay(self, line: Line) -> list[int]:
        try:
            return asyncio.run_coroutine_threadsafe(line.replay_everything(), self.loop).result(60)
        except OSError:  # the centre is down
            return []


async def read_message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = LENGTH.search(head)
    return head + await reader.readexactly(int(length[1]) if length else 0)


def status_of(answer: bytes) -> int:
    return int(answer[9:12] or 0)
