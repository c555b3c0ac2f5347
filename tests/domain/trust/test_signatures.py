"""Who signs what: nothing that was said can be passed off as anything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.trust import signatures

KEYS = st.binary(min_size=32, max_size=32)
TEXTS = st.text(max_size=20)
CALLS = st.fixed_dictionaries(
    {
        "path": TEXTS,
        "agent_id": TEXTS,
        "counter": st.integers(0, 2**40),
        "body": st.binary(max_size=50),
    }
)


@given(KEYS, CALLS)
def test_a_request_is_known_by_the_key_that_signed_it(key, call):
    message = signatures.request_message(**call)
    signature = signatures.sign(key, message)
    assert signatures.is_signed(signatures.public_key_of(key), message, signature)


@given(KEYS, CALLS, CALLS)
def test_a_signature_holds_for_one_request_only(key, call, other):
    signature = signatures.sign(key, signatures.request_message(**call))
    message = signatures.request_message(**other)
    is_signed = signatures.is_signed(signatures.public_key_of(key), message, signature)
    assert is_signed == (call == other)


@given(KEYS, KEYS, CALLS)
def test_nobody_signs_for_another_key(key, other, call):
    message = signatures.request_message(**call)
    signature = signatures.sign(other, message)
    is_signed = signatures.is_signed(signatures.public_key_of(key), message, signature)
    assert is_signed == (key == other)


@given(KEYS, st.text(max_size=200))
def test_what_is_no_signature_is_none(key, text):
    assert not signatures.is_signed(signatures.public_key_of(key), b"message", text)
    assert not signatures.is_signed(b"no key", b"message", text)


@given(st.text(max_size=8), st.text(max_size=8), st.integers(0, 9), st.binary(max_size=8))
def test_what_is_signed_for_one_end_is_never_signed_for_another(path, agent_id, number, body):
    request = signatures.request_message(path=path, agent_id=agent_id, counter=number, body=body)
    answer = signatures.answer_message(agent_id=agent_id, counter=number, status=200, body=body)
    succession = signatures.succession_message(agent_id=agent_id, public_key=body)
    deletion = signatures.deletion_message(agent_id)
    assert len({request, answer, succession, deletion}) == 4


def test_an_answer_holds_for_its_request_and_status_only():
    said = {"agent_id": "ag-1", "counter": 7, "status": 200, "body": b"{}"}
    messages = {
        signatures.answer_message(**said | changed)
        for changed in ({}, {"counter": 8}, {"status": 409}, {"body": b"[]"}, {"agent_id": "a"})
    }
    assert len(messages) == 5


@given(st.binary(max_size=40), st.binary(max_size=40), KEYS, st.sampled_from(["harz", "heide"]))
def test_a_proof_shows_one_secret_for_one_site_and_key(secret, other, key, site):
    proof = signatures.prove(secret, site_id=site, public_key=key)
    assert signatures.is_proof(proof, secret, site_id=site, public_key=key)
    assert not signatures.is_proof(proof, secret, site_id="elsewhere", public_key=key)
    assert not signatures.is_proof(proof, secret, site_id=site, public_key=key[::-1] + b"x")
    # HMAC pads short keys with zeros, so those that differ by zeros at the end are one.
    is_same = secret.ljust(64, b"\0") == other.ljust(64, b"\0")
    assert signatures.is_proof(proof, other, site_id=site, public_key=key) == is_same


@pytest.mark.parametrize("proof", ["", "ä", "00"])
def test_what_is_no_proof_is_none(proof):
    assert not signatures.is_proof(proof, b"secret", site_id="harz", public_key=b"k" * 32)


def test_a_fingerprint_is_what_anybody_can_compute():
    assert signatures.fingerprint_of(b"").startswith("e3b0c442")
