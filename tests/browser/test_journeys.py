"""What people do: with the keyboard, without script, from the first question to the hand-in."""

import re
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.test_pages import check
from tests.web.factory import PASSWORD

pytestmark = pytest.mark.browser


def test_check_is_answered_without_script_and_back_keeps_the_answers(visitor: Visitor):
    page = visitor.open("/check", script=False).page
    page.get_by_label("A university").check()
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("In which country").select_option("FR")
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Yes, all of us").check()
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Research whose results are published").check()
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Yes").check()
    with page.expect_navigation():  # the page before has a way back, too
        page.get_by_role("button", name="Continue").click()
    page.get_by_role("link", name="Back").click()
    expect(page.get_by_label("Yes")).to_be_checked()
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("No, nothing of that kind").check()
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("No, this is the first time").check()
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("For how many months").fill("120")
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("No").check()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Yes, and it costs you nothing.")


def test_the_size_is_put_together_without_script_and_goes_on_to_the_check(visitor: Visitor):
    known = "kind=enterprise&country=DE&team=own"
    page = visitor.open(f"/check?{known}", script=False).page
    page.get_by_role("link", name="Several owners").click()
    page.get_by_role("button", name=re.compile("change ?: your company")).click()
    for label, number in (("People in that year", "12"), ("People in the year before", "11")):
        page.get_by_label(label).fill(number)
    for label in ("Turnover of that", "Balance sheet total, in", "Turnover of the year"):
        page.get_by_label(label).fill("1.5")
    page.get_by_label("Balance sheet total of the year before").fill("1,5")
    page.get_by_role("button", name="Take it over").click()
    page.get_by_role("link", name="Add a company").click()
    page.get_by_label("Another public body").check()
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Name").fill("Land Beispiel")
    page.get_by_role("button", name="Take it over").click()
    page.get_by_role("link", name="Add a holding").click()
    page.get_by_label("Share of the capital").fill("25")
    page.get_by_role("button", name="Take it over").click()
    expect(page.get_by_text("You are no SME.")).to_be_visible()
    page.get_by_role("button", name=re.compile("take out ?: Land Beispiel, your")).click()
    expect(page.get_by_text("You are an SME.")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("You are no SME.")).to_be_visible()
    page.go_forward()
    page.get_by_role("link", name="Go on with the check").click()
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("What do you need the compute time for?")


def test_a_person_signs_in_and_finds_the_next_step(visitor: Visitor):
    page = visitor.open("/home").page
    page.get_by_label("Email").fill("mina@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Good day, Mina Grünberg")
    expect(page.get_by_text("Your next step")).to_be_visible()


def test_a_section_is_saved_while_one_writes(visitor: Visitor):
    draft = f"/applications/{visitor.portal.ids['draft_id']}/parts/people"
    page = visitor.open(draft, who="mina").page
    page.get_by_label("Principal investigator").fill("")
    page.get_by_label("Principal investigator").press_sequentially("Dr. Grünberg")
    page.keyboard.press("Tab")
    expect(page.locator("#saved")).to_contain_text("Saved at")
    page.reload()
    expect(page.get_by_label("Principal investigator")).to_have_value("Dr. Grünberg")


def test_a_newcomer_registers_and_starts_an_application(visitor: Visitor):
    page = visitor.open("/apply?kind=university&country=DE&purpose=research", who="nina").page
    page.get_by_label("Registered name").fill("Hochschule Beispiel")
    page.get_by_role("button", name="Register it").click()
    page.get_by_label("Werkbank for Science").check()
    page.get_by_role("button", name="Start the application").click()
    expect(page.get_by_text("parts are still open")).to_be_visible()
    page.get_by_role("link", name="The project").click()
    expect(page.get_by_label("Research whose results are published")).to_be_checked()


def test_the_running_job_page_looks_again_by_itself(visitor: Visitor):
    job = visitor.portal.ids["running_job"]
    page = visitor.open(f"/jobs/{job}", who="mina").page
    with page.expect_response(lambda answer: answer.url.endswith(f"/jobs/{job}/live")) as answer:
        pass
    assert answer.value.status == 200


def test_colours_are_remembered(visitor: Visitor):
    page = visitor.open("/").page
    page.get_by_role("link", name="Dark colours").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_keyboard_reaches_the_content_first(visitor: Visitor):
    page = visitor.open("/").page
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_an_officer_awards_with_the_arithmetic_in_sight(visitor: Visitor):
    page = visitor.open(f"/programme/{visitor.portal.ids['assessed_id']}", who="olga").page
    expect(page.get_by_text("Left after it")).to_be_visible()
    page.get_by_role("button", name="Award").click()
    expect(page.locator("main").get_by_text("awarded", exact=True)).to_be_visible()


def test_an_officer_reserves_nodes_for_a_course_and_cancels_them(visitor: Visitor):
    page = visitor.open("/reservations", who="olga").page
    page.get_by_label("Number of nodes").fill("9")
    page.get_by_label("Project").fill(visitor.portal.ids["project"])
    tomorrow = datetime.now().astimezone() + timedelta(days=1)
    page.get_by_label("From").fill(f"{tomorrow:%Y-%m-%dT09:00}")
    page.get_by_label("For how many minutes?").fill("90")
    page.get_by_label("Why?").fill("A course.")
    page.get_by_role("button", name="Announce it").click()
    expect(page.get_by_role("alert")).to_contain_text("It asks for 9 nodes and Werkbank has 6")
    page.get_by_label("Number of nodes").fill("2")
    page.get_by_role("button", name="Announce it").click()
    row = page.get_by_role("row", name="For a project: A course.")
    expect(row).to_contain_text("announced")
    check(visitor.open("/reservations", who="olga", theme="dark", phone=True), "reservations-list")
    check(visitor.open("/reservations", who="mina"), "reservations-list-desktop")
    row.get_by_role("button", name="Cancel").click()
    expect(row).to_contain_text("cancelled")
