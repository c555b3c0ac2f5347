"""A kernel of a real session, asked through the gate."""

import asyncio
import json
from typing import Any

from allmende.gate.program import Line
from tests.gate.halls import Hall, frame, read_message

KERNEL_SECONDS = 120
ASK = {
    "header": {"msg_id": "m1", "msg_type": "execute_request", "session": "s", "username": "u"},
    "parent_header": {},
    "metadata": {},
    "channel": "shell",
    "content": {"code": "1+1", "silent": False, "store_history": True, "allow_stdin": False},
    "buffers": [],
}


async def compute(hall: Hall, place: str, *, cookie: str) -> tuple[Any, Line]:
    """Start a kernel and let it add one and one; return what it says, and the open line."""
    made = await hall.ask(f"{place}/api/kernels", method="POST", body=b"{}", cookie=cookie)
    kernel = json.loads(made.text)["id"]
    listed = await hall.ask(f"{place}/api/kernels", cookie=cookie)
    assert [each["id"] for each in json.loads(listed.text)] == [kernel]
    line = f"{place}/api/kernels/{kernel}/channels?session_id=s"
    reader, writer, status = await hall.upgrade(line, cookie=cookie)
    assert status == 101
    writer.write(frame(ASK))
    async with asyncio.timeout(KERNEL_SECONDS):
        while (message := await read_message(reader))["msg_type"] != "execute_result":
            pass
    return message["content"]["data"], Line(reader, writer)
