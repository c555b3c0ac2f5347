"""The schema and the parser know the same keys."""

import pytest

from allmende.domain.training.job_file_schema import job_file_schema
from allmende.domain.training.job_files import InvalidJobFile, parse_job_file


def mistakes(**changes: object) -> list[str]:
    with pytest.raises(InvalidJobFile) as refusal:
        parse_job_file({"name": "a", "blueprint": "medicine"} | changes)
    return [finding.sentence.english() for finding in refusal.value.findings]


def keys_of(section: dict, path: str = "") -> set[str]:
    """Return every key of a schema, sections included."""
    keys = set()
    for name, part in section.get("properties", {}).items():
        keys |= {path + name} | keys_of(part, f"{path}{name}.")
        keys |= keys_of(part.get("items", {}), f"{path}{name}.")
    return keys


def test_the_schema_knows_exactly_the_keys_that_the_parser_asks_for():
    told = keys_of(job_file_schema())
    for section in {key.rpartition(".")[0] for key in told}:
        unknown = [{"?": 1}] if section == "data" else {"?": 1}
        said = mistakes(**({section: unknown} if section else unknown))
        known = next(text for text in said if "no such key" in text).partition("Known are: ")[2]
        wanted = {key.rpartition(".")[2] for key in told if key.rpartition(".")[0] == section}
        assert set(known.rstrip(".").split(", ")) == wanted


def test_schema_and_parser_agree_on_how_often_a_job_may_lose_its_node():
    most = job_file_schema()["properties"]["retry"]["properties"]["max"]["maximum"]
    file = {"name": "a", "blueprint": "medicine", "retry": {"max": most}}
    assert parse_job_file(file).max_retries == most == 10
    assert mistakes(retry={"max": 11}) == ["retry.max is 11; the most is 10."]
