"""Rules, modes and calls: the shipped ones are valid, and each mistake names its line and key."""

import itertools
import re
import shutil
from datetime import date

import pytest
from tools.access_rules import PAGE, render_access_rules

from allmende.domain.basics.refusals import Refusal
from allmende.wiring import home
from allmende.wiring.access_rules import read_access_rules
from allmende.wiring.configuration import ConfigurationMistake

SHIPPED = home.PROJECT / "config"


@pytest.fixture
def folder(tmp_path):
    """Return a copy of the shipped configuration, to be broken."""
    shutil.copytree(SHIPPED, tmp_path / "config")
    return tmp_path / "config"


def test_the_shipped_rules_have_a_source_and_a_day_on_which_somebody_looked():
    rules = read_access_rules(SHIPPED)
    assert len(rules.book.rules) > 50
    for row in rules.book.rules:
        assert row.source
        assert row.checked_on >= date(2026, 11, 22)


def test_every_gpu_hour_of_industry_has_exactly_one_mode():
    modes = read_access_rules(SHIPPED).modes.in_force(date(2026, 11, 23))
    industry = [mode for mode in modes if "industrial_innovation" in mode.routes]
    edges = sorted((mode.size_min_seconds, mode.size_max_seconds) for mode in industry)
    assert edges[0][0] == 1
    for (_, end), (start, _) in itertools.pairwise(edges):
        assert start == end + 1


def test_the_way_from_every_call_is_open():
    rules = read_access_rules(SHIPPED)
    assert {call.mode_id for call in rules.calls} == {
        "playground",
        "development",
        "ai-for-science",
        "large-scale",
        "commercial",
        "national-bridge",
    }
    for call in rules.calls:
        assert call.terms_text.startswith("# Nutzungsbedingungen")


@pytest.mark.parametrize(
    ("file", "written", "mistake", "key", "problem"),
    [
        ("rules/sme.toml", "value = 25\n", "value = 25.5\n", "value", "floats are not exact"),
        ("rules/sme.toml", "unit = ", "units = ", "units", 'did you mean "unit"?'),
        ("rules/sme.toml", 'source = "', 'status = "maybe"\nsource = "', "status", "draft"),
        ("rules/aid.toml", "valid_from = 2024-01-01", 'valid_from = "soon"', "valid_from", "date"),
        (
            "rules/aid.toml",
            'rule = "aid.record_years"',
            'rule = "aid.registration_working_days"',
            "rule",
            "another row for the same days",
        ),
        ("rules/aid.toml", "[[rules]]", "[[rule]]", "rule", "this file holds [[rules]]"),
        ("modes.toml", "size_max_hours = 5_000", "size_max_hour = 5_000", "size_max_hour", "mean"),
        ("modes.toml", "size_max_hours = 5_000", "size_max_hours = true", "size_max_hours", "no n"),
        ("modes.toml", "size_max_hours = 5_000", 'size_max_hours = "5k"', "size_max_hours", "no n"),
        ("modes.toml", "size_max_hours = 5_000", "size_max_hours = -1", "size_max_hours", "below"),
        ("modes.toml", "size_max_hours = 10_000", "size_max_hours = 4_000", "size_max_hours", "is"),
        ("modes.toml", 'id = "national-bridge"', 'id = "playground"', "id", "in force already"),
        ("modes.toml", 'en = "Playground", ', "", "names", '"en" is missing'),
        ("modes.toml", '"always_open"', '"sometimes"', "calendar", "always_open"),
        ("modes.toml", '"peer_review"', '"first_come"', "selection", "has a review plan"),
        ("modes.toml", '"cut_offs"', '"always_open"', "calendar", "it needs cut-offs"),
        ("modes.toml", '["impact", ', '["beauty", ', "tie_breaks", "no such criterion"),
        ("modes.toml", "sum_threshold = 10", "sum_threshold = 16", "sum_threshold", "0 and 15"),
        ("modes.toml", "threshold = 3", "threshold = 6", "threshold", "0 and 5"),
        ("modes.toml", "application = 2", "application = 0", "reviews_per_application", "1 and"),
        ("modes.toml", 'id = "impact"', 'id = "excellence"', "criteria", "each once"),
        (
            "modes.toml",
            "panel_working_days = 9",
            "panel_working_days = 10",
            "panel_working_days",
            "which",
        ),
        (
            "modes.toml",
            "review_working_days = 7",
            "review_working_days = 2",
            "assessment_working_days",
            "next",
        ),
        ("calls.toml", "days = 22", "days = 20", "decision_working_days", "decide after it"),
        ("calls.toml", '"playground"', '"sandbox"', "mode_id", "no such mode"),
        ("calls.toml", '"werkbank"', '"workbench"', "partition_id", "no such partition"),
        ("calls.toml", '"node_seconds"', '"gpu_seconds"', "unit", "counts node_seconds"),
        ("calls.toml", '"union"', '"local"', "access_share", "no such share"),
        (
            "calls.toml",
            "size_max_hours = 4\n",
            "size_max_hours = 5_001\n",
            "size_max_hours",
            "5000",
        ),
        ("calls.toml", 'mode_id = "playground"', 'mode = "playground"', "mode", "mode_id"),
        ("calls.toml", "decision_working_days = 2\n", "", "decision_working_days", "required"),
        ("calls.toml", "months = [1, 2, 3]", "months = [0, -2]", "durations_months", "0 is not"),
        ("calls.toml", "months = [1, 2, 3]", "months = []", "durations_months", "one duration"),
        ("calls.toml", "days = 2\n", "days = -2\n", "decision_working_days", "-2 is not"),
        ("calls.toml", "hours = 400", 'hours = "NaN"', "contingent_hours", "no number of hours"),
        ("calls.toml", "hours = 400", 'hours = "1e30"', "contingent_hours", "cannot be counted"),
        (
            "calls.toml",
            "price_cents_per_hour = 90",
            "price_cents_per_hour = -9",
            "price_cents_per_hour",
            "-9",
        ),
        (
            "modes.toml",
            "decision_working_days = 2\n",
            "decision_working_days = -2\n",
            "decision_working_days",
            "-2",
        ),
        ("calls.toml", "2027-02-26", "2026-12-10", "cut_offs", "in order"),
        ("calls.toml", "cut_offs = [", "cut_offs = []\n#", "cut_offs", "needs cut-offs"),
        (
            "calls.toml",
            "decision_working_days = 2\n",
            "decision_working_days = 2\ncut_offs = [2027-01-01T10:00:00]\n",
            "cut_offs",
            "has no cut",
        ),
        ("calls.toml", "price_cents_per_hour = 90", "", "price_cents_per_hour", "a paid mode"),
        ("calls.toml", "werkbank-2026.md", "none.md", "terms", "no file config/terms/none.md"),
        ("cut_offs.toml", '"large-scale"', '"larger-scale"', "mode_id", "no such mode"),
        ("cut_offs.toml", "2026-12-15", "2027-12-15", "instants", "in order"),
        ("onboarding.toml", 'id = "terms"', 'id = "condition"', "id", "two steps"),
        ("onboarding.toml", 'id = "terms"', 'id = "The terms"', "id", "small letters"),
        ("onboarding.toml", 'de = "Alle M', 'fr = "Alle M', "names", '"de" is missing'),
        (
            "onboarding.toml",
            'id = "terms"',
            'id = "terms"\npartitions = ["none"]',
            "partitions",
            "no partition",
        ),
        ("calls.toml", "opens_at = 2026-10-01", "opens_at = 2026-12-20", "cut_offs", "after the"),
        ("calls.toml", "werkbank-science-2026", "werkbank-playground-2026", "id", "two calls"),
    ],
)
def test_a_mistake_names_file_line_and_key(folder, file, written, mistake, key, problem):
    path = folder / file
    text = path.read_text()
    assert written in text
    path.write_text(text.replace(written, mistake, 1))
    with pytest.raises(ConfigurationMistake) as refusal:
        read_access_rules(folder)
    facts = refusal.value.facts
    assert (facts["file"], facts["key"]) == (path.name, key)
    assert problem in facts["problem"]
    changed = text[: text.index(written)].count("\n") + 1
    assert abs(facts["line"] - changed) <= 25  # inside the table that was broken


def test_every_rule_that_the_domain_asks_for_is_shipped():
    """A rule that is asked for and not there is a refusal in somebody's face."""
    asked: set[str] = set()
    for path in (home.PROJECT / "src/allmende/domain/access").glob("*.py"):
        asked |= set(
            re.findall(
                r'"((?:country|route|access|ai|aid|person|size|ownership)\.[a-z_]+)"',
                path.read_text(),
            )
        )
    shipped = {row.rule for row in read_access_rules(SHIPPED).book.rules}
    assert len(asked) > 20
    assert asked - shipped == set()


def test_a_call_with_a_zone_of_its_own_keeps_its_instant(folder):
    path = folder / "calls.toml"
    text = path.read_text().replace("2026-12-11T10:00:00,", "2026-12-11T10:00:00+00:00,")
    path.write_text(text)
    call = read_access_rules(folder).get_call("werkbank-ai-for-science-2027-1")
    assert call.cut_offs[0].isoformat() == "2026-12-11T10:00:00+00:00"
    assert issubclass(ConfigurationMistake, Refusal)


def test_the_page_of_rules_says_what_the_files_say():
    assert PAGE.read_text() == render_access_rules(), "run: python -m tools.access_rules"
