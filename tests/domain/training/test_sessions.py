"""Where a session says that it listens; it is a job's word, so anything may stand there."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.training.sessions import Door, address_of, read_port

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(st.integers(1024, 65535), st.integers(1, 9))
def test_the_port_of_this_attempt_is_believed(port: int, attempt: int):
    content = json.dumps({"attempt": attempt, "port": port}).encode()
    assert read_port(content, attempt=attempt) == port
    assert read_port(content, attempt=attempt + 1) is None


@pytest.mark.parametrize("port", [None, "8888", 22, 1023, 65536, 8888.0, True, [8888]])
def test_what_is_no_port_for_everybody_is_none(port: object):
    assert read_port(json.dumps({"attempt": 1, "port": port}).encode(), attempt=1) is None


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_a_job_writes_stops_nothing(content: bytes):
    assert read_port(content, attempt=1) is None


def test_depth_without_end_is_no_door():
    assert read_port(b"[" * 100_000, attempt=1) is None


def test_a_door_does_not_tell_its_token():
    door = Door(host="node01", port=8888, token="secret", certificate="")
    assert "secret" not in repr(door)


def test_each_session_has_a_host_name_of_its_own_below_the_gate():
    gate = "https://gate.example.org:8443"
    assert address_of("j-1", gate) == "https://j-1.gate.example.org:8443"
    assert address_of("j-2", gate) != address_of("j-1", gate)
