"""What is sealed for an agent opens there alone, for its attempt alone."""

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.trust import envelopes, signatures
from tests.backends.contract import a_launch

KEY, OTHER, ONCE = bytes(range(32)), bytes(32), b"1" * 32


def close(**changes):
    launch = a_launch(secrets={"TOKEN": "hush-hush"}, **changes)
    return envelopes.close(launch, envelopes.public_key_of(KEY), one_time_key=ONCE)


@given(
    secrets=st.dictionaries(st.text(min_size=1), st.text(), min_size=1),
    once=st.binary(min_size=32, max_size=32),
)
def test_an_envelope_opens_with_the_key_that_it_was_closed_for(secrets, once):
    launch = a_launch(secrets=secrets)
    closed = envelopes.close(launch, envelopes.public_key_of(KEY), one_time_key=once)
    assert closed.secrets == {}
    assert envelopes.open_with([OTHER, KEY], closed) == launch


def test_what_is_sealed_shows_nothing_and_differs_from_the_signing_key():
    closed = close()
    assert b"hush" not in base64.b64decode(closed.sealed_secrets)
    assert closed.sealed_secrets not in repr(closed)
    assert envelopes.public_key_of(KEY) != signatures.public_key_of(KEY)


def test_another_key_another_attempt_or_any_other_byte_opens_nothing():
    closed = close(job_id="j-one")
    sealed = bytearray(base64.b64decode(closed.sealed_secrets))
    sealed[-1] ^= 1
    changed = [
        ([OTHER], closed),
        ([], closed),
        ([KEY], replace(closed, key="j-two.1")),
        ([KEY], replace(closed, sealed_secrets=base64.b64encode(sealed).decode())),
        ([KEY], replace(closed, sealed_secrets=base64.b64encode(sealed[:20]).decode())),
        ([KEY], replace(closed, sealed_secrets="no base64")),
    ]
    for keys, launch in changed:
        with pytest.raises(envelopes.EnvelopeStaysClosed):
            envelopes.open_with(keys, launch)


def test_a_launch_without_secrets_is_left_as_it_is():
    launch = a_launch()
    assert envelopes.open_with([], launch) is launch


@pytest.mark.parametrize("key", [b"", b"short", bytes(32)])
def test_what_is_no_key_is_refused(key):
    with pytest.raises(envelopes.UnusableKey):
        envelopes.close(a_launch(secrets={"A": "b"}), key, one_time_key=ONCE)
