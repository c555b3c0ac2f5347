"""Every page: no barrier that axe can find, no complaint of the browser, no sideways scroll."""

import pytest

from tests.browser.conftest import SCREENSHOTS, Visit, Visitor
from tests.browser.pages import KEY_PAGES, PAGES, address

pytestmark = pytest.mark.browser


def check(visit: Visit, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    visit.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
    assert visit.page.locator("h1").count() == 1
    assert visit.find_violations() == []
    assert not visit.is_wider_than_the_screen()
    # The browser reports an answer of 4xx as an error of the console; nothing else is expected.
    assert [each for each in visit.complaints if "status of 4" not in each] == []


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_accessible(visitor: Visitor, name: str):
    who = PAGES[name][1]
    check(visitor.open(address(name, visitor.portal.ids), who=who), name)


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("name", KEY_PAGES)
def test_key_pages_hold_in_every_combination(
    visitor: Visitor, name: str, language: str, theme: str, phone: bool
):
    visit = visitor.open(
        address(name, visitor.portal.ids),
        who=PAGES[name][1],
        language=language,
        theme=theme,
        phone=phone,
    )
    screen = "phone" if phone else "desktop"
    check(visit, f"{name}.{language}.{theme}.{screen}")
    assert visit.page.locator("html").get_attribute("lang") == language


@pytest.mark.parametrize("name", PAGES)
def test_no_page_needs_sideways_scroll_on_a_phone_in_german(visitor: Visitor, name: str):
    path = address(name, visitor.portal.ids)
    visit = visitor.open(path, who=PAGES[name][1], language="de", phone=True)
    assert not visit.is_wider_than_the_screen()


def test_axe_would_find_a_barrier(visitor: Visitor):
    visit = visitor.open("/help")
    visit.page.evaluate("document.querySelector('h1').innerHTML += '<img src=\"/x.png\">'")
    assert any(found.startswith("image-alt") for found in visit.find_violations())
