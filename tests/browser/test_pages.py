"""Every page: no barrier that axe can find, no complaint of the browser, no sideways scroll."""

import os

import pytest

from tests.browser.conftest import PHONE, SCREENSHOTS, Onlooker, Visit, Visitor
from tests.browser.pages import PAGES, address

pytestmark = pytest.mark.browser


def check(visit: Visit, name: str) -> None:
    if "CI" not in os.environ:  # nobody looks at them there
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        visit.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
    assert visit.page.locator("h1").count() == 1
    assert visit.find_violations() == []
    assert not visit.is_wider_than_the_screen()
    # The browser reports an answer of 4xx as an error of the console; nothing else is expected.
    assert [each for each in visit.complaints if "status of 4" not in each] == []


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_accessible_and_fits_a_phone(onlooker: Onlooker, name: str):
    # In German, whose words are longer; `test_key_pages.py` has the key pages in English too.
    path, who = address(name, onlooker.portal.ids), PAGES[name][1]
    visit = onlooker.look(path, who=who, language="de")
    check(visit, name)
    visit.page.set_viewport_size(PHONE)
    assert not visit.is_wider_than_the_screen()


def test_axe_would_find_a_barrier(visitor: Visitor):
    visit = visitor.open("/help")
    visit.page.evaluate("document.querySelector('h1').innerHTML += '<img src=\"/x.png\">'")
    assert any(found.startswith("image-alt") for found in visit.find_violations())
