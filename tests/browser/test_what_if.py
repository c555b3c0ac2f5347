"""The studio: asked with sliders or without script, answered in seconds, alike for everybody."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import EACH_ONCE, PATIENCE_SECONDS, PHONE, Visitor
from tests.browser.serve import ENDLESS
from tests.browser.test_pages import check

pytestmark = pytest.mark.browser

ASKED = "/what-if?machine=jupiter-booster&days=14&guarantee=25&demand=35&load=100"


def has_answer(page) -> None:
    expect(page.get_by_role("heading", name=ANSWER[page_language(page)])).to_be_visible()


ANSWER = {"en": "The answer", "de": "Die Antwort"}


def page_language(page) -> str:
    return page.locator("html").get_attribute("lang")


@pytest.mark.parametrize(("language", "theme", "phone"), EACH_ONCE)
def test_the_answer_holds_in_either_language_colour_and_screen(
    visitor: Visitor, language, theme, phone
):
    visit = visitor.open(ASKED, who="olga", language=language, theme=theme, phone=phone)
    has_answer(visit.page)
    check(visit, f"what-if-answer.{language}.{theme}.{'phone' if phone else 'desktop'}")


def test_mistakes_stand_beside_their_fields(visitor: Visitor):
    visit = visitor.open("/what-if?guarantee=70&failing_nodes=1", who="olga", language="de")
    check(visit, "what-if-mistakes")
    visit.page.set_viewport_size(PHONE)
    assert not visit.is_wider_than_the_screen()
    expect(visit.page.locator(".field.wrong")).to_have_count(1)


def test_an_officer_moves_a_slider_and_sees_what_it_does(visitor: Visitor):
    page = visitor.open("/what-if", who="olga").page
    slider = page.get_by_role("slider", name="What if it were, in %")
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("spinbutton", name="What if it were, in %")).to_have_value("26")
    page.get_by_role("button", name="Compute").click()
    has_answer(page)
    assert "guarantee=26" in page.url
    expect(page.get_by_role("row", name="SMEs and start-ups")).to_contain_text("26")


def test_without_script_one_asks_and_looks_again(visitor: Visitor):
    page = visitor.open("/what-if", who="olga", script=False).page
    expect(page.get_by_role("slider")).to_have_count(0)
    page.get_by_label("Days").fill("12")
    # A click does not wait for the page it leads to; what follows would read the one before.
    with page.expect_navigation():
        page.get_by_role("button", name="Compute").click()
    for _ in range(10 * PATIENCE_SECONDS):
        if page.get_by_role("heading", name="The answer").count():
            break
        page.wait_for_timeout(100)
        with page.expect_navigation():
            page.get_by_role("link", name="Look again").click()
    has_answer(page)


def test_two_people_open_one_address_and_see_the_same_figures(visitor: Visitor):
    pages = [visitor.open(ASKED, who=who).page for who in ("olga", "aishe")]
    tables = []
    for page in pages:
        has_answer(page)
        tables.append(page.locator("#by-group + table").inner_text())
    assert tables[0] == tables[1]


def test_one_watches_it_being_computed_and_cancels(visitor: Visitor):
    endless = f"/what-if?machine=werkbank&days=13&load=130&seed={ENDLESS}"
    visit = visitor.open(endless, who="olga", language="de")
    expect(visit.page.get_by_role("progressbar")).to_be_visible()
    check(visit, "what-if-computing")
    visit.page.get_by_role("button", name="Abbrechen").click()
    expect(visit.page.get_by_role("heading", name="Abgebrochen")).to_be_visible()
    check(visit, "what-if-cancelled")
    visit.page.get_by_role("button", name="Doch berechnen").click()
    expect(visit.page.get_by_role("progressbar")).to_be_visible()
    visit.page.goto("/promises")  # the portal answers meanwhile
    expect(visit.page.get_by_role("heading", level=1)).to_be_visible()
    visit.page.go_back()
    visit.page.get_by_role("button", name="Abbrechen").click()  # others have questions, too
    expect(visit.page.get_by_role("heading", name="Abgebrochen")).to_be_visible()
