"""Large numbers as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.training.counts import read_count


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("70e9", 70 * 10**9),
        ("70B", 70 * 10**9),
        ("70 b", 70 * 10**9),
        ("70bn", 70 * 10**9),
        ("15T", 15 * 10**12),
        ("1.5e12", 15 * 10**11),
        ("1.5e+12", 15 * 10**11),
        ("0,5B", 5 * 10**8),
        (".5B", 5 * 10**8),
        ("350M", 350 * 10**6),
        ("64k", 64_000),
        ("7.000.000.000", 7 * 10**9),
        ("7,000,000,000", 7 * 10**9),
        ("7_000", 7_000),
        ("1", 1),
    ],
)
def test_all_these_are_numbers(text, number):
    assert read_count("params", text) == number


@pytest.mark.parametrize(
    "text", ["70 bananas", "", "B", "7e", "7e9e9", "1.2.3", "1.000,000", "nan", "inf", "½", "7 GB"]
)
def test_what_is_no_number_is_said_with_the_way_out(text):
    with pytest.raises(InvalidInput, match="70B"):
        read_count("params", text)


@pytest.mark.parametrize("text", ["0", "-5", "-70B", "0.4", "1e19", "2000000T", "1e99"])
def test_what_no_training_has_is_out_of_range(text):
    with pytest.raises(InvalidInput, match=r"tokens: .* is not between 1 and 10\^18"):
        read_count("tokens", text)


def test_a_limit_of_its_own():
    assert read_count("gpus", "1e6", most=10**6) == 10**6
    with pytest.raises(InvalidInput, match=r"between 1 and 10\^6"):
        read_count("gpus", "1000001", most=10**6)


@given(st.integers(1, 10**18))
def test_a_number_in_digits_is_itself(number):
    assert read_count("tokens", str(number)) == number
    assert read_count("tokens", f"{number:_}") == number
