"""The page about the configuration tells every key and every variable, and no others."""

import dataclasses
import re

import pytest

from allmende.domain.access.calls import Call, CutOffCalendar
from allmende.domain.access.modes import AccessMode
from allmende.domain.access.onboarding_steps import OnboardingStep
from allmende.domain.access.review_plans import Criterion, ReviewPlan
from allmende.domain.basics.quotas import QuotaStyle
from allmende.domain.basics.rules import Rule
from allmende.domain.basics.sites import Factory, Partition, ShareGroup, Site, SlurmCluster
from allmende.domain.training.planning import Assumption, Gpu, Machine
from allmende.domain.training.published_runs import PublishedRun
from allmende.wiring.access_rules import HOURS
from tests.docs.pages import PROJECT

TEXT = (PROJECT / "docs/reference/configuration.md").read_text()
VARIABLE = re.compile(r"\bALLMENDE_[A-Z_]*[A-Z]\b")
KEYS_IN_HOURS = {seconds: [] for seconds in HOURS.values()}
for hours, seconds in HOURS.items():
    KEYS_IN_HOURS[seconds].append(hours)
# The text of the terms comes from a file, whose name is the version.
READ_FROM_FILES = {"terms_text": ["terms"], "terms_version": ["terms"]}


def keys_of(kind) -> set[str]:
    """Return the keys that people write for a dataclass."""
    names = {field.name for field in dataclasses.fields(kind)}
    written = {**KEYS_IN_HOURS, **READ_FROM_FILES}
    return {key for name in names for key in written.get(name, [name])}


def keys_in(heading: str) -> set[str]:
    """Return the keys that the table below a heading tells."""
    section = re.split(rf"^#+ {re.escape(heading)}$", TEXT, flags=re.M)[1]
    section = re.split(r"^#+ ", section, flags=re.M)[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    firsts = {key for row in rows for key in re.findall(r"`(\w+)`", row.split("|")[1])}
    return firsts | set(re.findall(r"or `(\w+_hours)`", section))


@pytest.mark.parametrize(
    ("heading", "kind"),
    [
        ("`[factory]`", Factory),
        ("`[[sites]]`", Site),
        ("`[sites.slurm]`", SlurmCluster),
        ("`[[sites.partitions]]`", Partition),
        ("`[[sites.partitions.groups]]`", ShareGroup),
        ("`[[quota_styles]]`", QuotaStyle),
        ("modes.toml", AccessMode),
        ("`[modes.review]`", ReviewPlan),
        ("`[[modes.review.criteria]]`", Criterion),
        ("onboarding.toml", OnboardingStep),
        ("cut_offs.toml", CutOffCalendar),
        ("rules/*.toml", Rule),
        ("`[assumptions.…]`", Assumption),
        ("`[[gpus]]`", Gpu),
        ("`[[machines]]`", Machine),
        ("published_runs.toml", PublishedRun),
    ],
)
def test_every_key_of_the_code_is_told_and_no_other(heading, kind):
    assert keys_in(heading) == keys_of(kind)


def test_every_key_of_a_call_is_told_and_no_other():
    assert keys_in("calls.toml") == keys_of(Call) - {"size_above_hours", "mode"}


def test_every_variable_of_the_code_is_told_and_no_other():
    files = [*(PROJECT / "src").rglob("*.py"), *(PROJECT / "blueprints").rglob("*.py")]
    used = {name for file in files for name in VARIABLE.findall(file.read_text())}
    assert used == set(VARIABLE.findall(TEXT))
