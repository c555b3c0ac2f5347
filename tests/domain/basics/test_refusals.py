"""Every refusal of the domain is a sentence of its own; what code stumbles over is none."""

import json
import pkgutil
import sqlite3
from importlib import import_module
from string import Formatter

import pytest

from allmende import domain
from allmende.domain.basics.mistakes import MACHINE_TROUBLE, MISTAKES
from allmende.domain.basics.refusals import NotFound, Refusal
from allmende.domain.training.code_archives import CodeIsDamaged

MODULES = [
    import_module(found.name)
    for found in pkgutil.walk_packages(domain.__path__, f"{domain.__name__}.")
]
REFUSALS = {
    each
    for module in MODULES
    for each in vars(module).values()
    if isinstance(each, type) and issubclass(each, Refusal) and each is not Refusal
}


def is_sentence(refusal: type[Refusal]) -> bool:
    """Say whether its own docstring is a whole sentence, whatever its facts are."""
    facts = [name for _, name, _, _ in Formatter().parse(refusal.template()) if name is not None]
    said = refusal.template().format(**dict.fromkeys(facts, "something."))
    is_whole = said.endswith(".") and "{" not in said
    return bool(vars(refusal)["__doc__"]) and is_whole and all(map(str.isidentifier, facts))


def test_every_refusal_has_a_sentence_of_its_own():
    assert len(REFUSALS) > 100
    assert [each for each in REFUSALS if not is_sentence(each)] == []


def test_a_refusal_is_the_askers_to_mend_or_trouble_of_the_machine():
    assert {each.status for each in REFUSALS if each.status not in range(400, 600)} == set()
    assert NotFound.status < MACHINE_TROUBLE <= CodeIsDamaged.status


@pytest.mark.parametrize(
    ("error", "stops_others"),
    [
        (FileNotFoundError, False),
        (json.JSONDecodeError, False),
        (KeyError, False),
        (RecursionError, False),
        (UnicodeDecodeError, False),
        (ZeroDivisionError, False),
        (sqlite3.OperationalError, True),  # the database's own troubles concern every job
        (KeyboardInterrupt, True),
        (MemoryError, True),
        (NotFound, True),  # it has a sentence, which is told
    ],
)
def test_a_mistake_is_what_one_jobs_files_and_figures_make_code_stumble_over(error, stops_others):
    assert issubclass(error, MISTAKES) is not stops_others
