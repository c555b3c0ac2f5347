"""The schema and the parser know the same keys."""

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

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


SCHEMA = jsonschema_rs.validator_for(job_file_schema())
DURATIONS = st.sampled_from(["90s", "30m", "1h30m", "2d"])
COUNTS = st.integers(1, 9)
ANY = st.one_of(
    st.booleans(), st.integers(-2, 9), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=6), st.sampled_from(["4m", "1..4", "2+", "4..1", "8G", "8G+", "H100:2"]),
    st.lists(st.integers(0, 3), max_size=2), st.dictionaries(st.sampled_from("ab"), st.just(1)),
)  # fmt: skip
GOOD = {
    "params": st.just({"steps": 4000}),
    "sweep": st.just({"hidden_units": [16, 32], "l2": {"from": 0.1, "to": 1, "scale": "log"}}),
    "envs": st.just({"MODE": "fast", "N": 1}),
    "secrets": st.sampled_from([["TOKEN"], {"TOKEN": None}]),
    "resources": st.fixed_dictionaries(
        {},
        optional={
            "cpus": st.one_of(COUNTS, st.sampled_from(["1", "4+", "1..4"])),
            "memory": st.sampled_from(
                ["512M", "2G", "32", 32, "32+", "32G+", "8G..64G", "8..64", "24gb..", "9Gi"]
            ),
            "accelerators": st.sampled_from(
                [4, "4", "H100:4", "H100", "1..4", "4+", "a:2+", "b:1..4"]
            ),
            "constraint": st.just("a100&ib"),
        },
    ),
    "num_nodes": st.one_of(COUNTS, st.sampled_from(["2", "1..4"])),
    "max_duration": DURATIONS,
    "checkpoint": st.fixed_dictionaries({}, optional={"every": DURATIONS, "keep": COUNTS}),
    "retry": st.fixed_dictionaries({"on": st.just(["preempted"])}, optional={"max": COUNTS}),
    "data": st.just([{"uri": "allmende:roads"}]),
    "when": st.fixed_dictionaries({}, optional={"flexible_until": DURATIONS}),
    "data_class": st.sampled_from(["public", "health"]),
    "preemptible": st.booleans(),
    "after": st.just(["one"]),
    "partition": st.just("here"),
    "record": st.just({"licence": "MIT", "parents": ["m"]}),
}


def accepts(value: dict) -> bool:
    try:
        spec = parse_job_file(value)
    except InvalidJobFile:
        return False
    assert parse_job_file(spec.to_json()) == spec
    assert SCHEMA.is_valid(spec.to_json())
    return True


@given(st.fixed_dictionaries({}, optional=GOOD))
def test_what_is_good_is_good_to_both(file: dict):
    whole = {"name": "a", "blueprint": "medicine", **file}
    assert accepts(whole)
    assert SCHEMA.is_valid(whole)


@given(st.sampled_from(sorted(job_file_schema()["properties"])), ANY)
def test_what_the_parser_accepts_the_schema_accepts(key: str, value: object):
    for base in ({"name": "a", "run": "true"}, {"name": "a", "blueprint": "medicine"}):
        if accepts({**base, key: value}):
            assert SCHEMA.is_valid({**base, key: value}), key


@given(st.sampled_from(["cpus", "memory", "accelerators", "specialisation", "constraint"]), ANY)
def test_resources_that_the_parser_accepts_the_schema_accepts(key: str, value: object):
    file = {"name": "a", "run": "true", "resources": {key: value}}
    if accepts(file):
        assert SCHEMA.is_valid(file)


@pytest.mark.parametrize(
    "wrong",
    [
        {"cpus": 1}, {"resources": {"cpu": 1}}, {"resources": {"cpus": 0}}, {"max_duration": "4"},
        {"max_duration": 240}, {"resources": {"memory": "lots"}}, {"resources": {"cpus": "4-8"}},
        {"resources": {"accelerators": "H100:"}}, {"resources": {"accelerators": 0}},
        {"num_nodes": 0}, {"num_nodes": "2+"}, {"num_nodes": "many"}, {"data": [{"url": "x"}]},
        {"retry": {"max": 11}}, {"data_class": "secret"}, {"preemptible": "maybe"},
        {"blueprint": "medicine"}, {"run": None}, {"name": 7}, {"sweep": {"a": []}},
        {"array": "1-"}, {"record": {"parents": "m"}}, {"halving": {"metric": "loss"}},
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_by_both(wrong: dict):
    file = {"name": "a", "run": "true", **wrong}
    assert not SCHEMA.is_valid(file)
    assert not accepts(file)
