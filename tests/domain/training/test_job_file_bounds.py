"""What a job file cannot say: amounts that no machine holds are mistakes, and end no reader."""

import pytest

from allmende.domain.training import fields
from allmende.domain.training.job_files import InvalidJobFile, parse_job_file, parse_kept_job_file


def mistakes(**changes: object) -> list[str]:
    """Return what is said about a short job file with these changes."""
    with pytest.raises(InvalidJobFile) as refusal:
        parse_job_file({"name": "a", "blueprint": "medicine"} | changes)
    return [finding.sentence.english() for finding in refusal.value.findings]


@pytest.mark.parametrize("duration", ["3651d", "24856d", "999999999d" * 9])
def test_a_duration_beyond_all_use_is_refused(duration):
    assert mistakes(max_duration=duration, checkpoint={"every": "5m"}) == [
        f"max_duration: {fields.show(duration)} is too long; the most is 3650d."
    ]


def test_a_number_of_thousands_of_digits_is_no_duration():
    assert "is no duration" in mistakes(max_duration="9" * 5000 + "s")[0]


@pytest.mark.parametrize("licence", ["x" * 101, "MIT\nand more"])
def test_a_licence_is_one_short_line(licence):
    assert mistakes(record={"licence": licence}) == [
        "record.licence has at most 100 characters, on one line."
    ]


def test_more_jobs_at_once_than_an_array_can_say_are_refused():
    assert mistakes(sweep={"steps": [1, 2]}, max_parallel=10**6) == [
        "max_parallel is 1000000; the most is 999999."
    ]


def test_a_file_of_lists_in_lists_is_refused_however_deep():
    deep: object = 1
    for _ in range(5000):
        deep = [deep]
    assert mistakes(params={"steps": deep}) == [
        "The job file has lists or sections in each other beyond all use."
    ]


def test_a_job_that_was_accepted_before_there_were_these_bounds_goes_on():
    kept = parse_job_file({"name": "a", "blueprint": "medicine"}).to_json()
    assert parse_kept_job_file(kept) == parse_job_file(kept)
    before = kept | {
        "max_duration": "9999d",
        "checkpoint": {"every": "9999d", "keep": 3},
        "record": {"licence": "MIT\n" + 200 * "x", "purpose": "fun"},
    }
    spec = parse_kept_job_file(before)
    assert spec.licence == "MIT " + 96 * "x"
    assert (spec.max_duration_seconds, spec.checkpoint_seconds) == (fields.LONGEST_SECONDS,) * 2
    assert (spec.purpose, spec.checkpoints_kept) == ("fun", 3)
    assert parse_kept_job_file(spec.to_json()) == spec
