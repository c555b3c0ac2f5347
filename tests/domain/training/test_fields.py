"""Amounts are read and written as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.training.fields import parse_duration, render_duration, render_memory


@given(st.integers(1, 10**8))
def test_a_duration_survives_being_written(seconds):
    assert parse_duration(render_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("amount_bytes", "text"),
    [(1024, "1K"), (2**20, "1M"), (3 * 2**30, "3G"), (2**40, "1T"), (1025 * 1024, "1025K")],
)
def test_memory_is_written_in_the_largest_unit_without_a_fraction(amount_bytes, text):
    assert render_memory(amount_bytes) == text
