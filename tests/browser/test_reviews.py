"""An expert and the office in a round with peer review, with the mouse and without script."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor

pytestmark = pytest.mark.browser

CRITERIA = ("Excellence", "Innovation and impact", "Quality of implementation")


def press(page: Page, button: str) -> None:
    with page.expect_navigation():
        page.get_by_role("main").get_by_role("button", name=button).first.click()


def fill_in(page: Page, *scores: int, text: str) -> None:
    for criterion, score in zip(CRITERIA, scores, strict=False):
        group = page.get_by_role("group", name=criterion)
        group.get_by_role("radio", name=str(score)).check()
        group.get_by_role("textbox").fill(text)


def test_an_expert_answers_writes_and_submits_once(visitor: Visitor):
    page = visitor.open(f"/reviews/{visitor.portal.ids['invited_id']}", who="xenia").page
    expect(page.get_by_role("heading", name="Will you review it?")).to_be_visible()
    press(page, "Accept")
    fill_in(page, 4, text="Clear, with data at hand.")
    expect(page.locator("[id$=-length]").first).to_have_text("25 / 600")
    press(page, "Save as a draft")
    expect(page.get_by_role("status")).to_contain_text("Nobody else reads it")
    press(page, "Submit, for good")
    expect(page.get_by_role("alert")).to_contain_text("2 criteria have no score or no text yet")
    fill_in(page, 4, 5, 3, text="Clear, with data at hand. 👩‍🔬")
    press(page, "Submit, for good")
    expect(page.get_by_role("heading", name="Your review")).to_be_visible()
    expect(page.get_by_text("You see the other reviews when all are in.")).to_be_visible()
    expect(page.get_by_role("button", name="Submit, for good")).to_have_count(0)


def test_a_text_that_is_too_long_is_not_lost_without_script(visitor: Visitor):
    path = f"/reviews/{visitor.portal.ids['writing_id']}"
    page = visitor.open(path, who="xenia", script=False).page
    fill_in(page, 4, text="ä" * 601)
    press(page, "Save as a draft")
    expect(page.get_by_role("alert")).to_contain_text("601 characters; use at most 600")
    expect(page.get_by_role("textbox").first).to_have_value("ä" * 601)


def test_the_office_invites_whom_the_proposal_marks(visitor: Visitor):
    ids = visitor.portal.ids
    page = visitor.open(f"/rounds/{ids['round_call']}/{ids['cut_off']}", who="olga").page
    expect(page.get_by_text("2 applications are not before the panel yet")).to_be_visible()
    expect(page.get_by_role("button", name="Close the panel")).to_have_count(0)
    with page.expect_navigation():
        page.get_by_role("link", name="Who reviews what").click()
    card = page.locator("section", has=page.get_by_role("link", name="Sprachmodelle für alte"))
    expect(card.get_by_role("checkbox", name="Yvo Kenner")).to_be_checked()
    expect(card.get_by_text("sprachmodelle ·")).to_be_visible()
    press(page, "Invite those who are marked")
    expect(page.get_by_text("As many were asked as are wanted.")).to_have_count(2)
    with page.expect_navigation():
        card.locator("form", has_text="Yvo Kenner").get_by_role("button").click()
    expect(card.get_by_text("called off")).to_be_visible()


def test_a_declared_conflict_closes_the_file(visitor: Visitor):
    page = visitor.open(f"/reviews/{visitor.portal.ids['writing_id']}", who="xenia").page
    press(page, "I have a conflict of interest")
    expect(page.get_by_role("heading", name="This file is closed to you")).to_be_visible()
    expect(page.get_by_text("Daten aus zehn Jahren")).to_have_count(0)


def test_a_refused_applicant_appeals_and_a_colleague_answers(visitor: Visitor):
    ids = visitor.portal.ids
    page = visitor.open(f"/applications/{ids['refused_id']}", who="rolf").page
    page.get_by_label("Why is the decision wrong?").fill("The data is in our archive by now.")
    press(page, "Appeal")
    expect(page.get_by_text("Somebody who did not take the decision answers")).to_be_visible()
    page = visitor.open(f"/programme/{ids['refused_id']}", who="olga").page
    expect(page.get_by_text("The appeal is against your own decision.")).to_be_visible()
    page = visitor.open("/appeals", who="otto").page
    with page.expect_navigation():
        page.get_by_role("link", name=ids["refused_id"]).click()
    page.get_by_label("Yes, take it back").check()
    page.get_by_label("Why? The applicant reads it.").last.fill("The annex shows it.")
    press(page, "Answer")
    expect(page.get_by_role("heading", name="Next: the decision")).to_be_visible()
