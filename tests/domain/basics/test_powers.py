"""Numbers of any size are written as people read them."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.basics.powers import write_power, write_share
from allmende.domain.basics.sentences import Sentence


def read(written):
    return written.english() if isinstance(written, Sentence) else written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, 0),
        (59, 59),
        (9_999, 9_999),
        (0.25, 0.25),
        (10**23, "10²³"),
        (33 * 10**21, "3.3 × 10²²"),
        (102 * 10**21, "1.02 × 10²³"),
        (3 * 10**26, "3 × 10²⁶"),
        (Decimal("6.3e24"), "6.3 × 10²⁴"),
        (1e-5, "10⁻⁵"),
        (2.5e-17, "2.5 × 10⁻¹⁷"),
    ],
)
def test_numbers_are_written_in_powers_where_nobody_reads_their_noughts(value, written):
    assert read(write_power(value)) == written


@pytest.mark.parametrize(
    ("part", "written"),
    [(0.0, 0), (5e-17, "5 × 10⁻¹⁷"), (0.001, "0.1 %"), (0.412345, "41.2 %"), (0.5, "50 %")],
)
def test_a_part_of_a_whole_is_written_in_per_cent_or_in_powers(part, written):
    assert read(write_share(part)) == written


@given(st.integers(10_000, 10**27))
def test_a_frozen_figure_is_written_as_a_fresh_one_in_every_language(value):
    fresh = write_power(value)
    if isinstance(fresh, Sentence):
        assert Sentence.from_json(json.loads(json.dumps(fresh.to_json()))) == fresh
