"""A sweep is expanded the same way every time."""

import pytest

from allmende.domain.training.job_files import parse_job_file
from allmende.domain.training.sweeps import SweepTooLarge, expand_sweep, find_varied

BASE = {"name": "s", "blueprint": "medicine", "params": {"steps": 5}}


def expand(**sweep: list) -> list:
    return expand_sweep(parse_job_file(BASE | {"sweep": sweep}))


def test_a_job_without_a_sweep_stays_as_it_is():
    spec = parse_job_file(BASE)
    assert expand_sweep(spec) == [spec]


def test_every_combination_becomes_a_job_with_its_own_name():
    jobs = expand(l2=[0, 1], hidden_units=[8, 16])
    assert [(job.name, dict(job.params)) for job in jobs] == [
        ("s-1", {"steps": 5, "hidden_units": 8, "l2": 0}),
        ("s-2", {"steps": 5, "hidden_units": 8, "l2": 1}),
        ("s-3", {"steps": 5, "hidden_units": 16, "l2": 0}),
        ("s-4", {"steps": 5, "hidden_units": 16, "l2": 1}),
    ]


def test_the_order_does_not_depend_on_how_the_names_were_written():
    assert expand(l2=[0, 1], hidden_units=[8, 16]) == expand(hidden_units=[8, 16], l2=[0, 1])


def test_the_jobs_of_a_sweep_are_no_sweeps():
    assert [dict(job.sweep) for job in expand(l2=[0, 1])] == [{}, {}]


def test_numbers_have_as_many_digits_as_the_last():
    names = [job.name for job in expand(seed=list(range(10)))]
    assert (names[0], names[-1]) == ("s-01", "s-10")


def test_sixty_four_jobs_are_the_most():
    assert len(expand(seed=list(range(64)))) == 64
    with pytest.raises(SweepTooLarge, match="makes 65 jobs; at most 64"):
        expand(seed=list(range(65)))


def test_a_long_name_stays_within_its_bounds():
    spec = parse_job_file(BASE | {"name": "x" * 80, "sweep": {"l2": [0, 1]}})
    assert [len(job.name) for job in expand_sweep(spec)] == [80, 80]


def test_jobs_differ_in_what_the_sweep_tries():
    jobs = expand(l2=[0, 1], hidden_units=[8])
    assert find_varied([job.params for job in jobs]) == [{"l2": 0}, {"l2": 1}]
    assert find_varied([{"a": 1}, {"a": True}, {}]) == [{"a": 1}, {"a": True}, {}]
    assert find_varied([]) == []
