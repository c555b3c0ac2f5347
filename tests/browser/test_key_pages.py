"""The key pages: in both languages, in both colours, on a desk and on a phone.

Each language is seen in either colour and on either screen, and each colour on either screen: four
visits of a page meet every pair that eight would.
"""

import pytest

from tests.browser.conftest import Visitor
from tests.browser.pages import KEY_PAGES, PAGES, address
from tests.browser.test_pages import check

pytestmark = pytest.mark.browser


COMBINATIONS = [
    ("en", "light", False),
    ("en", "dark", True),
    ("de", "dark", False),
    ("de", "light", True),
]


@pytest.mark.parametrize(("language", "theme", "phone"), COMBINATIONS)
@pytest.mark.parametrize("name", KEY_PAGES)
def test_key_pages_hold_in_every_pair_of_circumstances(
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
