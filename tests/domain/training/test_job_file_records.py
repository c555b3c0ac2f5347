"""What a job file says for the record: the family of its model, and what it trains further."""

import pytest

from allmende.domain.training.job_files import InvalidJobFile, parse_job_file


def test_a_record_names_family_and_parents():
    record = {"family": "toys", "parents": ["m-1", "m-1", "EuroLLM-9B"]}
    spec = parse_job_file({"name": "a", "run": "x", "record": record})
    assert (spec.family, spec.parents) == ("toys", ("m-1", "EuroLLM-9B"))
    assert parse_job_file(spec.to_json()) == spec


@pytest.mark.parametrize(
    ("record", "key"),
    [
        ({"family": "x" * 81}, "record.family"),
        ({"parents": ["x"] * 21}, "record.parents"),
        ({"parents": [1]}, "record.parents"),
        ({"parents": [""]}, "record.parents"),
    ],
)
def test_a_family_is_short_and_parents_are_names(record, key):
    with pytest.raises(InvalidJobFile) as refused:
        parse_job_file({"name": "a", "run": "x", "record": record})
    assert [finding.key for finding in refused.value.findings] == [key]
