"""A shell in a session, in the terminal of whoever asks: the terminals of JupyterLab, by the gate.

A terminal is passed on key by key. What a pipe says is run by `sh` as one script, for a terminal
would print back each line of it, between prompts.
"""

import asyncio
import codecs
import contextlib
import json
import os
import signal
import sys
import termios
import time
import tty
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus

import typer

from allmende import wiring
from allmende.cli.acting import acting_deed, acting_person
from allmende.domain.basics.refusals import Refusal
from allmende.domain.basics.sentences import Sentence
from allmende.domain.scheduling.jobs import LIFECYCLE, JobState
from allmende.domain.training.sessions import SessionIsOver, SessionNotReady
from allmende.services import forecasts, jobs, session_passes
from allmende.wiring.languages import translate
from allmende.wiring.session_visits import GateRefuses, Visit
from allmende.wiring.sessions import session_address
from allmende.wiring.tokens import new_ticket
from allmende.wiring.websockets import WebSocket

LOOK_SECONDS = 1.0
CHUNK_BYTES = 16 * 1024
LONGEST_SCRIPT_BYTES = 100_000  # Linux takes no longer word in a command
MARK, LONGEST_STATUS = "\x06", 3
# It waits for a line, lest it ends before anybody listens, and says so by the mark; so it does
# before its exit code, which a terminal does not tell.
RUN_SCRIPT = (
    'stty -echo -opost; printf "\\006"; read -r _; sh -c "$0" </dev/null; printf "\\006%d" $?'
)


class ScriptTooLong(Refusal):
    """A script may have {most} bytes, and this one is longer. Save it in the session, and run it
    there."""

    status = 413


class LineWasCut(Refusal):
    """The line to {job} was cut: the session ended or was moved, or you may no longer open it. What
    became of it: allmende job why {job}"""


def wait_for_ticket(job_id: str) -> str:
    """Return the address that lets into a session, once, as soon as it listens; say till then
    what it waits for."""
    workshop, told = wiring.workshop(), ""
    while True:
        ticket = new_ticket()
        try:
            session_passes.make_ticket(acting_deed(), job_id, ticket=ticket, workshop=workshop)
        except SessionNotReady:
            text = _say_wait(job_id)
            if text != told:
                typer.echo(text, err=True)
            told = text
            time.sleep(LOOK_SECONDS)
        else:
            return session_address(job_id, ticket)


def _say_wait(job_id: str) -> str:
    """Return where a session stands that cannot be opened yet."""
    reader, workshop = acting_person(), wiring.workshop()
    job = jobs.get_job(reader, job_id).job
    if job.state is JobState.RUNNING:
        return translate(Sentence("Session {job} runs, and is getting ready.", {"job": job_id}))
    forecast = forecasts.forecast_job(reader, job_id, now=wiring.now(), workshop=workshop)
    waits = Sentence("Session {job} waits.", {"job": job_id})
    said = [waits, job.wait, forecast and forecasts.say_forecast(forecast)]
    return " ".join(translate(sentence) for sentence in said if sentence)


class ScriptFailed(Refusal):
    """The script ended with exit code {status}."""


class Screen:
    """Shows what a shell says."""

    async def show(self, text: str, line: WebSocket) -> None:  # noqa: ARG002 - scripts answer
        """Show the next of it."""
        sys.stdout.buffer.write(text.encode(errors="replace"))
        sys.stdout.flush()


class ScriptScreen(Screen):
    """Shows what a script says, lets it begin, and keeps its exit code."""

    def __init__(self) -> None:
        self.has_begun = False
        self.held = ""  # what may be the exit code: nothing was said after it yet

    async def show(self, text: str, line: WebSocket) -> None:
        """Show the next of it, but for the marks."""
        if not self.has_begun:
            self.has_begun = MARK in text
            await line.send(json.dumps(["stdin", "\n"]))
            return
        said, mark, rest = (self.held + text).rpartition(MARK)
        self.held = mark + rest if mark and len(rest) <= LONGEST_STATUS else ""
        await super().show(said if self.held else said + mark + rest, line)

    @property
    def status(self) -> str:
        """Return the exit code; "" if the script did not come to its end."""
        return self.held.removeprefix(MARK)


def use_shell(visit: Visit) -> str:
    """Stay in a shell of the session until it ends; return the exit code of what a pipe had run,
    "0" for a terminal, whose shell tells none."""
    if sys.stdin.isatty():
        _use(visit, {}, Screen())
        return "0"
    script = sys.stdin.buffer.read(LONGEST_SCRIPT_BYTES + 1)
    if len(script) > LONGEST_SCRIPT_BYTES:
        raise ScriptTooLong(most=LONGEST_SCRIPT_BYTES)
    screen = ScriptScreen()
    _use(visit, {"shell_command": ["sh", "-c", RUN_SCRIPT, os.fsdecode(script)]}, screen)
    return screen.status


def _use(visit: Visit, command: dict[str, list[str]], screen: Screen) -> None:
    """Begin a command in a terminal of the session, and stay until it ends; refuse where something
    else ended the line."""
    answer, said = visit.ask("POST", "api/terminals", command)
    if answer.status != HTTPStatus.OK:
        raise GateRefuses(job=visit.job_id, said=said.strip())
    name = json.loads(said)["name"]
    try:
        with _raw_terminal():
            has_ended = asyncio.run(_talk(visit, name, screen))
    finally:
        goes_on = _leave(visit, name)
    if not (has_ended and goes_on):
        job = jobs.get_job(acting_person(), visit.job_id).job
        is_over = LIFECYCLE.is_final(job.state)
        raise SessionIsOver(job=job.id) if is_over else LineWasCut(job=job.id)


@contextlib.contextmanager
def _raw_terminal() -> Iterator[None]:
    """Let every key pass, also Ctrl-C, where there is a terminal."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    tty.setraw(sys.stdin, termios.TCSADRAIN)  # what was typed already counts
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


async def _talk(visit: Visit, name: str, screen: Screen) -> bool:
    """Show what the shell says, and tell it what is typed; say whether it came to its own end."""
    try:
        line = await visit.open_line(f"terminals/websocket/{name}")
    except OSError:
        return False
    typing = asyncio.create_task(_type(line)) if sys.stdin.isatty() else None
    try:
        while (said := await line.receive()) is not None:
            kind, *content = json.loads(said)
            if kind == "stdout":
                await screen.show(content[0], line)
            elif kind == "disconnect":
                return True
        return False
    finally:
        if typing:
            typing.cancel()
        line.writer.close()


async def _type(line: WebSocket) -> None:
    """Tell the shell what is typed, and how large the terminal is."""
    loop, resized = asyncio.get_running_loop(), asyncio.Event()
    resized.set()
    loop.add_signal_handler(signal.SIGWINCH, resized.set)
    telling = asyncio.create_task(_tell_size(line, resized))
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    try:
        async for typed in _read_keys(sys.stdin.fileno()):
            await line.send(json.dumps(["stdin", decoder.decode(typed)]))
    finally:
        telling.cancel()
        loop.remove_signal_handler(signal.SIGWINCH)


async def _tell_size(line: WebSocket, resized: asyncio.Event) -> None:
    while await resized.wait():
        resized.clear()
        columns, rows = os.get_terminal_size(sys.stdin.fileno())
        await line.send(json.dumps(["set_size", rows, columns]))


async def _read_keys(descriptor: int) -> AsyncIterator[bytes]:
    """Read what is typed, no faster than it is taken."""
    loop = asyncio.get_running_loop()
    while True:
        typed = loop.create_future()
        loop.add_reader(descriptor, typed.set_result, None)
        typed.add_done_callback(lambda _: loop.remove_reader(descriptor))
        await typed
        chunk = os.read(descriptor, CHUNK_BYTES)
        if not chunk:
            return
        yield chunk


def _leave(visit: Visit, name: str) -> bool:
    """End the terminal if it has not ended, and say whether the session goes on."""
    with contextlib.suppress(Refusal):
        answer, _ = visit.ask("DELETE", f"api/terminals/{name}")
        return answer.status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND)
    return False
