"""What a sweep is judged by is read on from where the last look ended, whatever a file became."""

import json
import random

from allmende.domain.training.sweep_values import Halving
from allmende.services import halvings
from allmende.services.halvings import LOOK_BYTES, Reading

RULE = Halving(metric="loss", first=10, keep=3)


class File:
    """The progress file of a job, as it is at each look."""

    def __init__(self) -> None:
        self.content = b""
        self.read_bytes = 0

    @property
    def size_bytes(self) -> int:
        return len(self.content)

    def read(self, *, offset: int, limit: int) -> bytes:
        found = self.content[offset : offset + limit]
        self.read_bytes += len(found)
        return found


def lines(*steps: int, dice: random.Random) -> bytes:
    said = [{"t": 1, "step": step, "metrics": {"loss": dice.random()}} for step in steps]
    return "".join(json.dumps(each) + "\n" for each in said).encode()


def read_anew(file: File) -> dict[int, float]:
    reading = Reading(RULE)
    assert reading.catch_up(file)
    return reading.climb.course


def test_reading_on_is_reading_anew_also_after_files_were_rotated_cut_or_half_written():
    dice, file, reading = random.Random(5), File(), Reading(RULE)

    def grows():
        file.content += lines(*dice.sample(range(100), 5), dice=dice)

    def is_rotated():  # it may be longer than what was read
        file.content = lines(*dice.sample(range(100), dice.randrange(12)), dice=dice)

    def is_cut():
        file.content = file.content[: dice.randrange(len(file.content) + 1)]

    def is_half_written():
        file.content += lines(7, dice=dice)[: dice.randrange(20)]

    for _ in range(300):
        dice.choice([grows, grows, is_rotated, is_cut, is_half_written])()
        assert reading.catch_up(file)
        assert reading.climb.course == read_anew(file)


def test_a_look_reads_what_is_new_and_of_much_only_a_part():
    dice, file, reading = random.Random(6), File(), Reading(RULE)
    file.content = lines(*range(100), dice=dice)
    assert reading.catch_up(file)
    new = lines(120, dice=dice)
    file.content += new
    file.read_bytes = 0
    assert reading.catch_up(file)
    assert file.read_bytes <= len(new) + 64
    file.content += b"x" * LOOK_BYTES + b"\n" + lines(300, dice=dice)
    assert not reading.catch_up(file)
    assert 300 not in reading.climb.course
    assert reading.catch_up(file)
    assert 300 in reading.climb.course


def test_only_so_many_files_are_remembered(monkeypatch):
    monkeypatch.setattr(halvings, "MOST_REMEMBERED", 2)
    monkeypatch.setattr(halvings, "_readings", type(halvings._readings)())
    first = halvings._recall("a", RULE)
    assert halvings._recall("a", RULE) is first
    halvings._recall("b", RULE)
    halvings._recall("c", RULE)
    assert halvings._recall("a", RULE) is not first
