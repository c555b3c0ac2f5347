"""Before a job is sent, one checks it: with script in place, without it as well."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import EACH_ONCE, Visitor
from tests.browser.test_pages import check
from tests.wiring.test_code_uploads import FILE, zip_of

pytestmark = pytest.mark.browser

ASK = {"en": "Check it first", "de": "Erst prüfen"}
ANSWER = {"en": "When it would start", "de": "Wann der Job starten würde"}
FOLDER = {
    "name": "code.zip",
    "mimeType": "application/zip",
    "buffer": zip_of(("train.py", b"print('here')", FILE)),
}


def form_of(visitor: Visitor) -> str:
    return f"/projects/{visitor.portal.ids['project']}/jobs/new"


@pytest.mark.parametrize(("language", "theme", "phone"), EACH_ONCE)
def test_the_answer_appears_below_the_form(visitor: Visitor, language, theme, phone):
    visit = visitor.open(form_of(visitor), who="mina", language=language, theme=theme, phone=phone)
    address = visit.page.url
    visit.page.get_by_role("button", name=ASK[language]).click()
    heading = visit.page.get_by_role("heading", name=ANSWER[language])
    expect(heading).to_be_visible()
    assert visit.page.url == address
    check(visit, f"job-check.{language}.{theme}.{'phone' if phone else 'desktop'}")


def test_without_script_the_page_comes_again_with_the_answer(visitor: Visitor):
    page = visitor.open(form_of(visitor) + "?with=file", who="mina", script=False).page
    file = page.get_by_label("Job file")
    file.fill("name: try\nrun: 'true'\nmax_duration: 2m\n")
    page.get_by_label("Folder with your code").set_input_files(FOLDER)
    with page.expect_navigation():
        page.get_by_role("button", name=ASK["en"]).click()
    expect(page.get_by_role("heading", name=ANSWER["en"])).to_be_visible()
    expect(page.get_by_text("Nothing has been submitted yet.")).to_be_visible()
    expect(page.get_by_text("The folder is here already, as sha256:")).to_be_visible()
    expect(file).to_have_value("name: try\nrun: 'true'\nmax_duration: 2m\n")


def test_what_could_not_be_sent_is_said_in_its_place(visitor: Visitor):
    page = visitor.open(form_of(visitor) + "?with=file", who="mina").page
    page.get_by_label("Job file").fill("name: try\nrun: 'true'\nmax_duration: 9h\n")
    page.get_by_label("Folder with your code").set_input_files(FOLDER)
    page.get_by_role("button", name=ASK["en"]).click()
    expect(page.locator("#check")).to_contain_text("Set a shorter max_duration")
    page.get_by_label("Job file").fill("name: try\nrun: 'true'\nmax_duration: 2m\n")
    page.get_by_role("button", name=ASK["en"]).click()
    expect(page.locator("#check")).to_contain_text("1 files and folders, kept as sha256:")
