"""The text of a job file: each key stands once, and no text ends its reader."""

import pytest
import yaml

from allmende.wiring.job_texts import KeyIsThereTwice, TooMuchToRead, find_line, read_job_text

MERGED = """
base: &base {cpus: 1, memory: 1G}
resources: {<<: *base, cpus: 2}
"""


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("name: a\nrun: b\nname: c\n", 3, "name"),
        ("name: a\nretry:\n  on: [preempted]\n  'on': []\n", 4, "on"),
        ("data:\n- uri: x\n  uri: y\n", 3, "uri"),
        ('{"name": "a",\n "name": "b"}', 2, "name"),
    ],
)
def test_a_key_that_is_there_twice_is_refused_with_its_line(text, line, key):
    with pytest.raises(KeyIsThereTwice) as refusal:
        read_job_text(text)
    assert refusal.value.facts == {"line": line, "key": key}


def test_a_merge_may_be_overridden_and_lists_may_repeat_keys():
    assert read_job_text(MERGED)["resources"] == {"cpus": 2, "memory": "1G"}
    assert read_job_text("data:\n- uri: x\n- uri: y\n") == {"data": [{"uri": "x"}, {"uri": "y"}]}
    assert read_job_text("") is None


def test_a_small_number_is_one_and_the_hash_of_a_commit_is_a_text():
    found = read_job_text("rates: [1e-4, -2E+3, 1.5e-4]\ncommit: 1234e56\nname: run-1e-4\n")
    assert found == {"rates": [1e-4, -2e3, 1.5e-4], "commit": "1234e56", "name": "run-1e-4"}


def test_no_text_makes_an_object_of_a_program():
    with pytest.raises(Exception, match="could not determine a constructor"):
        read_job_text("a: !!python/object/apply:os.getcwd []")


@pytest.mark.parametrize("day", ["2026-02-30", "2026-12-01T08:00:05", "2026-12-01T24:00:00"])
def test_a_day_stays_a_text_as_in_json(day):
    assert read_job_text(f"when: {{deadline: {day}}}") == {"when": {"deadline": day}}


BILLION_LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize("text", [BILLION_LAUGHS, "a: &a [*a]", "a: &a {b: *a}", "[" * 5000])
def test_what_nobody_could_read_is_refused(text):
    with pytest.raises(TooMuchToRead):
        read_job_text(text)


@pytest.mark.parametrize("text", ["!!int x", "!!float x", "!!timestamp x", "!!bool x", "!!int ''"])
def test_what_is_not_as_its_tag_says_is_a_mistake_with_its_line(text):
    with pytest.raises(yaml.YAMLError) as mistake:
        read_job_text(f"name: a\nnum_nodes: {text}")
    assert mistake.value.problem_mark.line == 1


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("name", 1), ("resources", 2), ("resources.cpus", 3), ("resources.memory", 2),
        ("data[1].uri", 7), ("data[9].uri", 4), ("nothing", None), ("", None), ("name.more", 1),
    ],
)  # fmt: skip
def test_a_key_has_a_line_or_that_of_what_it_is_in(key, line):
    text = "name: a\nresources:\n  cpus: 1\ndata:\n- uri: x\n\n- uri: y\n"
    assert find_line(text, key) == line
    assert find_line("- a list", key) is None
