"""Two people at one draft: what one changed is merged, what both changed is asked."""

from datetime import timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from allmende.domain.access import applications
from allmende.domain.access.application_forms import ApplicationForm
from allmende.domain.access.edits import AnswersDiffer, Difference, merge, read_seen
from tests.domain.access.building import NOON, draft

SEEN = {"title": "Signs", "summary": "We train.", "requested_hours": "4"}
FORM = ApplicationForm().change(SEEN)


def test_answers_that_only_one_changed_are_merged():
    theirs = FORM.change({"title": "Early signs"})
    written = {**SEEN, "summary": "We train a classifier."}
    merged = merge(theirs, written, seen=read_seen(FORM, SEEN))
    assert merged.differences == ()
    assert (merged.form.title, merged.form.summary) == ("Early signs", "We train a classifier.")


def test_an_answer_that_both_changed_is_not_replaced_and_the_others_are_merged():
    theirs = FORM.change({"title": "Early signs", "requested_hours": "8"})
    written = {"title": "Late signs", "summary": "New.", "requested_hours": "5"}
    merged = merge(theirs, written, seen=read_seen(FORM, SEEN))
    assert merged.form == theirs.change({"summary": "New."})
    assert merged.differences == (
        Difference("title", "Early signs", "Late signs"),
        Difference("requested_seconds", 8 * 3600, 5 * 3600),
    )
    told = AnswersDiffer(merged.differences)
    assert "title says “Early signs” now, and you wrote “Late signs”" in str(told)
    assert told.facts["differences"][1]["theirs"] == 8 * 3600


def test_emptying_what_somebody_else_has_just_changed_is_asked_too():
    theirs = FORM.change({"title": "Early signs"})
    assert merge(theirs, {"title": ""}, seen=read_seen(FORM, SEEN)).differences
    emptied = FORM.change({"title": ""})
    assert merge(emptied, {"title": "Early signs"}, seen=read_seen(FORM, SEEN)).differences


def test_the_same_change_by_both_is_no_difference():
    theirs = FORM.change({"title": "Early signs"})
    merged = merge(theirs, {"title": "Early signs"}, seen=read_seen(FORM, SEEN))
    assert merged == merge(theirs, {}, seen={})


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_how_a_browser_writes_line_ends_is_no_change(line_end):
    here = FORM.change({"summary": "One.\nTwo."})
    theirs = here.change({"summary": "One.\nTwo.\nThree."})
    written = {"summary": f"One.{line_end}Two."}
    assert merge(theirs, written, seen={"summary": "One.\nTwo."}).form == theirs


def test_a_table_is_one_answer_whose_rows_are_compared():
    rows = [{"name": "Collect", "first_month": 1, "last_month": 2}]
    here = FORM.change({"milestones": rows})
    seen = read_seen(FORM, {"milestones": rows, "requested_hours": "4"})
    assert seen["requested_seconds"] == 4 * 3600
    theirs = here.change({"milestones": [*rows, {"name": "Train"}]})
    assert merge(theirs, {"milestones": rows}, seen=seen).form == theirs
    written = {"milestones": [{**rows[0], "last_month": 3}]}
    assert merge(here, written, seen=seen).form == here.change(written)
    (difference,) = merge(theirs, written, seen=seen).differences
    assert [row["name"] for row in difference.theirs] == ["Collect", "Train"]
    assert difference.yours[0]["last_month"] == 3


def test_what_is_not_named_as_seen_is_replaced():
    theirs = FORM.change({"title": "Early signs"})
    assert merge(theirs, {"title": "Mine"}, seen={}).form.title == "Mine"


def test_a_draft_is_changed_as_far_as_nobody_else_changed_it_too():
    seen, later = {"title": "Signs"}, NOON + timedelta(hours=1)
    theirs = draft(title="Early signs")
    with pytest.raises(AnswersDiffer):
        applications.edit(theirs, {"title": "Late signs"}, now=later, based_on=seen)
    for mine, kept in (({"summary": "New."}, "New."), ({}, theirs.form.summary)):
        changed, differences = applications.edit_partly(
            theirs, {"title": "Late signs", **mine}, now=later, seen=seen
        )
        assert (changed.form.title, changed.form.summary) == ("Early signs", kept)
        assert differences == (Difference("title", "Early signs", "Late signs"),)
        assert changed.edited_at == (later if mine else theirs.edited_at)


FIELDS = ("title", "summary")
TEXTS = st.sampled_from(["a", "b", "c", "", "a\nb"])
PEOPLE = st.integers(0, 2)


class Drafting(RuleBasedStateMachine):
    """Three pages open on one draft, in any order: no text goes that nobody chose to let go."""

    @initialize()
    def open_pages(self):
        self.here = ApplicationForm()
        self.pages = [self._page() for _ in range(3)]

    def _page(self):
        shown = {name: getattr(self.here, name) for name in FIELDS}
        # What stands in the fields, what the page is based on, and what it asks about.
        return {"fields": dict(shown), "based_on": dict(shown), "asked": {}}

    @rule(who=PEOPLE)
    def reload(self, who):
        if not self.pages[who]["asked"]:  # nobody reloads over a question
            self.save(who)
            if not self.pages[who]["asked"]:
                self.pages[who] = self._page()

    @rule(who=PEOPLE, name=st.sampled_from(FIELDS), text=TEXTS)
    def type(self, who, name, text):
        self.pages[who]["fields"][name] = text if name == "summary" else text.replace("\n", "")

    @rule(who=PEOPLE)
    def save(self, who):
        page, before = self.pages[who], self.here
        merged = merge(before, page["fields"], seen=page["based_on"])
        self.here = merged.form
        page["asked"] = {each.field: each.theirs for each in merged.differences}
        for name in FIELDS:
            mine, old, new = page["fields"][name], getattr(before, name), getattr(self.here, name)
            if new != old:  # a text went: this page had shown it, and has put another there
                assert page["based_on"][name] == old
                assert new == mine
            touched = mine != page["based_on"][name]
            if touched:  # what was written here stands there, or is asked about with both texts
                assert new == mine or page["asked"].get(name) == new
            if name not in page["asked"]:
                page["based_on"][name] = mine
        assert all(page["fields"][name] != page["based_on"][name] for name in page["asked"])

    @rule(who=PEOPLE)
    def choose_mine(self, who):
        page = self.pages[who]
        page["based_on"] |= page["asked"]
        self.save(who)

    @rule(who=PEOPLE)
    def choose_theirs(self, who):
        page = self.pages[who]
        for name, theirs in page["asked"].items():
            page["fields"][name] = page["based_on"][name] = theirs
        page["asked"] = {}
        self.save(who)


TestDrafting = pytest.mark.slow(Drafting.TestCase)
