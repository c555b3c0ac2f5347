"""What browsers send is read strictly, and goes on without anything that is not the session's."""

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.basics.refusals import Refusal
from allmende.gate.answers import SessionUnreadable, read_answer
from allmende.gate.requests import RequestUnreadable, read_request

PLAIN = b"GET /session/j-1/api?x=1 HTTP/1.1\r\nHost: h\r\n"
PIECES = st.sampled_from(
    [
        b"GET ",
        b"/session/j-1/",
        b" HTTP/1.1",
        b"\r\n",
        b"\n",
        b"Host: h",
        b"Cookie: a=1",
        b":",
        b" ",
    ]
)


@given(st.binary() | st.lists(PIECES).map(b"".join))
def test_whatever_comes_is_read_or_refused_and_adds_no_line(sent: bytes):
    with contextlib.suppress(Refusal):
        head = read_request(sent + b"\r\n\r\n").pass_on(token="t")
        lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        assert all("\r" not in line and "\n" not in line for line in lines)
        assert sum(line.startswith("authorization:") for line in lines) == 1
        assert not any(line.startswith("cookie:") for line in lines)


@pytest.mark.parametrize(
    "line", [b" folded: x", b"Name : x", b"a\0: x", b"a: \0", b"a: x\ny: z", b"no colon", b": x"]
)
def test_a_header_that_two_readers_might_read_differently_is_refused(line: bytes):
    with pytest.raises(RequestUnreadable):
        read_request(PLAIN + line + b"\r\n\r\n")


def test_blanks_without_end_are_read_in_a_moment():
    """A pattern that looks for both ends of a value at once takes hours for these."""
    for line in (b"a:" + b" " * 60_000 + b"\0", b"a: b" + b" " * 60_000 + b"c"):
        began_at = time.thread_time()  # a machine that is busy with others says nothing
        with contextlib.suppress(Refusal):
            read_request(PLAIN + line + b"\r\n\r\n")
        assert time.thread_time() - began_at < 1


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/2 200 OK\r\n\r\n",
        b"200\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\nConnection: keep-alive\r\n\r\n",
    ],
)
def test_an_answer_that_web_servers_might_read_differently_is_refused(said: bytes):
    with pytest.raises(SessionUnreadable):
        read_answer(said, read_request(PLAIN + b"\r\n"))


def test_credentials_stay_here_and_the_first_cookie_of_a_name_counts():
    lines = b"Cookie: a=1; b=2\r\nCOOKIE: b=3\r\nAuthorization: Bearer x\r\nUpgrade: WebSocket\r\n"
    request = read_request(PLAIN + lines + b"\r\n")
    assert (request.cookie("b"), request.cookie("c")) == ("2", "")
    assert request.is_upgrade
    head = request.pass_on(token="t")
    assert b"Bearer" not in head
    assert head.endswith(b"authorization: token t\r\nconnection: Upgrade\r\n\r\n")
