"""The full form: each question stands once, and each wrong answer gets one sentence."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.domain.access import applications, questions
from allmende.domain.access.application_forms import (
    QUESTIONS,
    ApplicationForm,
    Section,
    facts_of,
    list_questions,
    list_sections,
    review,
    without_secrets,
)
from allmende.domain.access.applications import ApplicationIsIncomplete
from allmende.domain.access.countries import list_barred, name_machine
from allmende.domain.access.modes import FormKind
from allmende.domain.access.sections.code import efficiencies
from allmende.domain.access.snapshots import from_plain, to_plain
from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.units import TimeUnit
from tests.domain.access.building import (
    BOOK,
    NOON,
    PLAYGROUND,
    RULES,
    TODAY,
    form,
    frozen,
    full_draft,
    full_form,
)

ROUNDS = RULES.get_call("werkbank-ai-for-science-2027-1")
MEMBER = {"name": "Li", "email": "li@x.example", "organisation": "Lab", "country": "NL"}
RUN = {"name": "All", "runs": 1, "devices": 1, "hours": "20"}
WORK = {"name": "All", "first_month": 1, "last_month": 6}


def find(asked=FormKind.FULL, barred=None, **changes):
    """Return the findings of a full form with some answers changed, by their question."""
    found = review(full_form(**changes), ROUNDS, asked=asked, barred=barred)
    return {each.field: each.sentence.english() for each in found}


def test_a_full_form_is_complete_and_is_read_back_as_it_was_kept():
    complete = full_form()
    assert review(complete, ROUNDS, asked=FormKind.FULL) == ()
    assert from_plain(ApplicationForm, to_plain(complete)) == complete


def test_the_mode_decides_which_form_it_is():
    assert RULES.get_mode_of(PLAYGROUND).form is FormKind.SHORT
    assert RULES.get_mode_of(ROUNDS).form is FormKind.FULL
    assert list_sections(FormKind.FULL) == tuple(Section)
    short = {"project", "people", "resources", "data", "declarations"}
    assert set(list_sections(FormKind.SHORT)) == short


def test_a_short_form_is_not_enough_for_peer_review():
    with pytest.raises(ApplicationIsIncomplete):
        applications.submit(
            replace(full_draft(), form=form(requested_seconds=20 * 3600, duration_months=6)),
            frozen=frozen(call=ROUNDS),
            now=NOON,
        )


def test_what_only_the_full_form_asks_never_stops_a_short_one():
    wrong = {"members": [{"name": "Li"}], "sector": "x", "milestones": [{"name": "x"}]}
    asked = find(**wrong)
    assert set(asked) == set(wrong)
    assert find(FormKind.SHORT, **wrong) == {}


@pytest.mark.parametrize("name", [n for n, q in QUESTIONS.items() if q.need])
def test_each_question_with_a_need_is_missed_by_its_own_sentence(name):
    empty = questions.default_of(ApplicationForm, name)
    found = review(replace(full_form(), **{name: empty}), ROUNDS, asked=FormKind.FULL)
    assert name in {each.field for each in found}


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"research_fields": [{"panel": "PE6"}]}, "research_fields", "its panel and its share"),
        (
            {"research_fields": [{"panel": p, "share_percent": 60} for p in ("PE6", "PE1")]},
            "research_fields",
            "add up to 120 per cent",
        ),
        ({"sector": "Software"}, "sector", "looks like 62, 62.1 or 62.10"),
        ({"sector": "62.101"}, "sector", "looks like"),
        ({"members": [MEMBER, {**MEMBER, "email": "li"}]}, "members", "Row 2: give name"),
        ({"planned_runs": [{"name": "x"}]}, "planned_runs", "Fill in each row"),
        (
            {"planned_runs": [{**RUN, "hours": "19.5"}]},
            "planned_runs",
            "add up to 19.5 node-h, and you ask for 20",
        ),
        ({"codes": [{"name": "x"}]}, "codes", "its version, place, licence"),
        ({"scaling": [{"devices": 4}]}, "scaling", "its devices and its seconds"),
        ({"model_parameters": ""}, "model_parameters", "how many parameters"),
        ({"data_sources": [{"name": "x"}]}, "data_sources", "its name, origin and licence"),
        ({"milestones": [{"name": "x"}]}, "milestones", "Row 1: say what it is"),
        ({"milestones": [{**WORK, "first_month": 7}]}, "milestones", "ends before it begins"),
        ({"milestones": [WORK, {**WORK, "last_month": 7}]}, "milestones", "Row 2 ends after"),
        ({"purpose": "eu_project"}, "eu_grant", "number of the grant"),
        ({"support": "Scaling"}, "shares_with_support", "may read it"),
    ],
)
def test_what_does_not_fit_together_gets_one_sentence(changes, field, words):
    found = find(**changes)
    assert set(found) == {field}
    assert words in found[field]


@pytest.mark.parametrize("sector", ["", "62", "62.1", "62.10"])
def test_sectors_are_codes_or_nothing(sector):
    assert find(sector=sector) == {}


def test_who_only_infers_says_nothing_of_training():
    gone = {"model_parameters": "", "training_tokens": "", "training_flop": ""}
    assert set(find(**gone)) == set(gone)
    assert find(workflows="inference", **gone) == {}


def test_a_plan_is_not_compared_with_a_size_that_is_not_given_yet():
    assert set(find(requested_hours="")) == {"requested_seconds"}


def test_half_a_second_of_rounding_is_no_difference():
    third = {**RUN, "runs": 3, "hours": "6.666667"}
    assert find(planned_runs=[third]) == {}
    assert full_form(planned_runs=[third]).planned_hours == Decimal("20.000001")


def test_a_member_from_a_country_that_the_machine_bars_is_named():
    machine = name_machine(is_bought_after_2020=True)
    team = full_form(members=[MEMBER, {**MEMBER, "name": "Bo", "country": "US"}])
    barred = list_barred(team.countries, machine=machine, book=BOOK, on=TODAY)
    assert set(barred) == {"US"}
    found = review(team, ROUNDS, asked=FormKind.FULL, barred=barred)
    assert [each.field for each in found] == ["members"]
    assert found[0].sentence.english().startswith("Row 2, Bo: US is neither a member state")


def test_the_countries_of_a_team_count_once():
    team = full_form(members=[MEMBER, {**MEMBER, "country": "FR"}, MEMBER], team_countries="FR")
    assert team.countries == ("FR", "NL")


def test_reviewers_read_everything_but_declarations_and_who_should_not_review():
    told = full_form(excluded_reviewers="Prof. Streit", aid_received_cents=7)
    read = without_secrets(told)
    assert (read.excluded_reviewers, read.aid_received_cents) == ("", None)
    assert {n for n in QUESTIONS if getattr(read, n) != getattr(told, n)} == {
        "excluded_reviewers",
        "aid_received_cents",
        "declares_correct",
        "declares_team_eligible",
        "accepts_terms",
    }


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("title", "Gut\u202egnud", "U+202E"),
        ("title", "two\nlines", "U+000A"),
        ("title", "\ud800", "U+D800"),
        ("title", "\u200bx", "after “…”"),
        ("problem", "bell\x07", "U+0007"),
        ("title", "ä" * 201, "at most 200 characters; there are 201"),
        ("title", "a" + "\u0301" * 2_000, "at most 200"),
        ("members", "nobody", "list of rows"),
        ("members", ["nobody"], "list of rows"),
        ("members", [{"shoe_size": 44}], "Row 1, shoe_size: There is no such question."),
        ("members", [{**MEMBER, "country": "Holland"}], "Row 1, Country of the organisation:"),
        ("members", [MEMBER] * 51, "at most 50 rows"),
        ("planned_runs", [{**RUN, "hours": "long"}], "Hours each: Give a number such as 2.5."),
        ("planned_runs", [{**RUN, "runs": 0}], "from 1 on"),
        ("planned_runs", [{**RUN, "runs": 1.5}], "whole number"),
        ("workflows", "cooking", "Choose one of"),
        ("workflows", 5, "Give a list"),
        ("application_type", "other", "Choose one of"),
        ("storage_gigabytes", "-1", "from 0 on"),
    ],
)
def test_unreadable_answers_are_refused_with_the_place(name, value, problem):
    with pytest.raises(InvalidInput) as refusal:
        ApplicationForm().change({name: value})
    assert refusal.value.facts["field"] == name
    assert problem in refusal.value.facts["problem"].english()


def test_texts_are_kept_composed_and_emoji_stay():
    kept = ApplicationForm().change(
        {
            "title": " Wa\u0308rme 👩\u200d🔬 🏴\U000e0067\U000e0062\U000e007f ",
            "problem": "a\r\nb\u2028c",
        }
    )
    assert kept.title == "Wärme 👩\u200d🔬 🏴\U000e0067\U000e0062\U000e007f"
    assert kept.problem == "a\nb\nc"


@given(st.text(max_size=300))
def test_every_text_is_kept_or_refused_and_reading_again_changes_nothing(text):
    try:
        kept = ApplicationForm().change({"summary": text})
    except InvalidInput:
        return
    assert kept.change({"summary": kept.summary}) == kept


@given(st.lists(st.fixed_dictionaries({"name": st.text("ab ", max_size=3)}), max_size=6))
def test_blank_rows_are_dropped_and_the_others_keep_their_order(rows):
    kept = ApplicationForm().change({"members": rows}).members
    assert [each.name for each in kept] == [r["name"].strip() for r in rows if r["name"].strip()]


def test_efficiency_is_against_the_fewest_devices():
    scaling = full_form(
        scaling=[
            {"devices": 8, "seconds": "25"},
            {"devices": 2, "seconds": "80"},
            {"devices": 4},
        ]
    ).scaling
    assert [(row.devices, share) for row, share in efficiencies(scaling)] == [(2, 1.0), (8, 0.8)]
    assert efficiencies(()) == ()


def test_labels_know_the_unit_of_the_call():
    facts = facts_of(replace(ROUNDS, unit=TimeUnit.GPU_SECONDS))
    assert (facts["unit"], facts["device"].english(), facts["most"]) == ("GPU-h", "GPUs", "20")
    assert facts_of(ROUNDS)["device"].english() == "Nodes"
    for section in Section:
        for question in list_questions(section, FormKind.FULL):
            for words in (question.label, question.hint, question.need):
                assert "{" not in words.format(**facts)


def test_the_product_of_something_unknown_is_unknown():
    assert questions.multiply(2, None, 3) is None
