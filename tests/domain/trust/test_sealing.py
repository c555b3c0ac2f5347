"""What is sealed is opened with the same key for the same place, and by nothing else."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.trust.sealing import KEY_BYTES, NONCE_BYTES, Seal, SealBroken

numbers = itertools.count()


def a_seal(key: bytes = b"k" * KEY_BYTES) -> Seal:
    return Seal(
        read_key=lambda: key, new_nonce=lambda: next(numbers).to_bytes(NONCE_BYTES, "little")
    )


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.text("abc/-", min_size=1))
def test_a_value_comes_back_for_its_place_alone(value, place):
    seal = a_seal()
    sealed = seal.close(value, place=place)
    assert seal.open(sealed, place=place) == value
    assert len(value) < 4 or value.encode() not in sealed  # a letter or two come by chance
    assert sealed != seal.close(value, place=place)
    with pytest.raises(SealBroken):
        seal.open(sealed, place=place + "x")


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_a_changed_byte_breaks_the_seal(where, change):
    sealed = bytearray(a_seal().close("hush", place="p"))
    sealed[where % len(sealed)] ^= change
    with pytest.raises(SealBroken, match="Set it again"):
        a_seal().open(bytes(sealed), place="p")


@pytest.mark.parametrize("rest", [b"", b"short"])
def test_neither_another_key_nor_a_torn_value_opens(rest):
    sealed = a_seal().close("hush", place="p")
    with pytest.raises(SealBroken):
        a_seal(b"l" * KEY_BYTES).open(sealed, place="p")
    with pytest.raises(SealBroken):
        a_seal().open(rest, place="p")
    assert "kkkk" not in repr(a_seal())


def test_a_derived_secret_belongs_to_its_place_and_its_key():
    derived = a_seal().derive("session/j-1.1")
    assert derived == a_seal().derive("session/j-1.1")
    assert (
        len({derived, a_seal().derive("session/j-1.2"), a_seal(b"x" * 32).derive("session/j-1.1")})
        == 3
    )
