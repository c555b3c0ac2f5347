"""Two windows on one draft, files, and earlier answers, as people do it."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests import pdfs
from tests.browser.conftest import PHONE, Visitor
from tests.browser.test_pages import check

pytestmark = pytest.mark.browser


@pytest.fixture
def project(visitor: Visitor) -> str:
    return f"/applications/{visitor.portal.ids['draft_id']}/parts/project"


def test_two_windows_are_asked_which_text_stays(visitor: Visitor, project: str):
    one = visitor.open(project, who="mina")
    two = visitor.open(project, who="mina")
    for visit, title in ((one, "Signs in cells"), (two, "Signs in blood")):
        visit.page.get_by_label("Title of the project").fill(title)
        visit.page.keyboard.press("Tab")
        expect(visit.page.locator("#saved")).to_contain_text("Saved at")
    asked = two.page.get_by_role("alert")
    expect(asked).to_contain_text("Signs in cells")
    expect(asked).to_contain_text("Signs in blood")
    check(two, "differences")
    two.page.get_by_label("What stands in the application now").check()
    expect(asked).to_have_count(0)
    expect(two.page.get_by_label("Title of the project")).to_have_value("Signs in cells")
    two.page.get_by_label("Title of the project").fill("Signs in cells and blood")
    two.page.keyboard.press("Tab")
    expect(two.page.locator("#saved")).to_contain_text("Saved at")
    one.page.reload()
    title = one.page.get_by_label("Title of the project")
    expect(title).to_have_value("Signs in cells and blood")


@pytest.mark.parametrize(("language", "theme"), [("de", "dark"), ("de", "light"), ("en", "light")])
def test_without_script_the_question_is_a_page(
    visitor: Visitor, project: str, language: str, theme: str
):
    one = visitor.open(project, who="mina", script=False, language=language)
    two = visitor.open(project, who="mina", language=language, theme=theme, phone=True)
    name = f"Without script, {language} {theme}"
    for page, title in ((one.page, name), (two.page, "Another one")):
        page.locator("#id_title").fill(title)
        with page.expect_navigation():  # else the second might be saved before the first
            page.locator("main form button.button").last.click()
    check(two, f"differences-phone.{language}.{theme}")
    two.page.locator("#keep-theirs-title").check()
    expect(two.page.locator("#id_title")).to_have_value(name)


def test_a_table_that_two_changed_is_asked_as_a_whole(visitor: Visitor):
    plan = f"/applications/{visitor.portal.ids['full_draft_id']}/parts/plan"
    one = visitor.open(plan, who="rolf").page
    visit = visitor.open(plan, who="rolf", phone=True, language="de")
    two = visit.page
    for page, name in ((one, "Collect"), (two, "Sammeln")):
        page.locator("#id_milestones-0-name").fill(name)
        page.keyboard.press("Tab")
        expect(page.locator("#saved")).not_to_be_empty()
    expect(two.locator("#differences")).to_contain_text("Collect")
    check(visit, "differences-table")
    two.locator("#keep-theirs-milestones").check()
    expect(two.locator("#id_milestones-0-name")).to_have_value("Collect")


def test_a_change_that_was_not_saved_says_so(visitor: Visitor, project: str):
    page = visitor.open(project, who="mina").page
    page.context.set_offline(True)
    page.get_by_label("Title of the project").fill("Nobody hears this")
    page.keyboard.press("Tab")
    expect(page.locator("#saved")).to_contain_text("Not saved: the portal did not answer.")
    page.context.set_offline(False)
    page.get_by_label("Title of the project").fill("Somebody hears this")
    page.keyboard.press("Tab")
    expect(page.locator("#saved")).to_contain_text("Saved at")


def test_a_file_is_added_and_removed(visitor: Visitor, tmp_path: Path):
    address = f"/applications/{visitor.portal.ids['draft_id']}/documents"
    visit = visitor.open(address, who="mina")
    page = visit.page
    check(visit, "documents-empty")
    wrong = tmp_path / "page.pdf"
    wrong.write_text("<html>")
    page.get_by_label("The PDF").set_input_files(wrong)
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("alert")).to_contain_text("This is no PDF")
    check(visit, "documents-wrong")
    for name in ("proposal", "A time plan with a very long name " + "x" * 60):
        right = tmp_path / f"{name}.pdf"
        right.write_bytes(pdfs.a_pdf(name, pages=2))
        page.get_by_label("The PDF").set_input_files(right)
        page.get_by_role("button", name="Add").click()
        expect(page.get_by_role("link", name=f"{name}.pdf")).to_be_visible()
    check(visit, "documents")
    for theme, phone in (("dark", True), ("light", True), ("dark", False)):
        other = visitor.open(address, who="mina", language="de", theme=theme, phone=phone)
        check(other, f"documents.de.{theme}.{'phone' if phone else 'desktop'}")
    with page.expect_download() as download:
        page.get_by_role("link", name="proposal.pdf").click()
    assert download.value.path().read_bytes().startswith(b"%PDF")
    page.get_by_role("listitem").filter(has_text="proposal.pdf").get_by_role("button").click()
    expect(page.get_by_role("link", name="proposal.pdf")).to_have_count(0)


def test_earlier_answers_begin_a_new_application(visitor: Visitor):
    earlier = visitor.portal.ids["application_id"]
    page = visitor.open(f"/applications/{earlier}", who="mina").page
    title = page.get_by_role("heading", level=1).inner_text()
    page.get_by_role("link", name="Use these answers for another application").click()
    check(visitor.open(f"/apply?copy={earlier}", who="mina", phone=True, language="de"), "copy")
    expect(page.get_by_label("Use earlier answers")).to_have_value(earlier)
    page.set_viewport_size(PHONE)
    page.get_by_role("button", name="Start the application").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    expect(page.locator(".tasks")).to_contain_text("Declarations")
