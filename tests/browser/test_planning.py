"""The planner: a slider moves the answer, a form does without any script."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor

pytestmark = pytest.mark.browser


def test_a_slider_moves_the_answer_and_the_address(visitor: Visitor):
    visit = visitor.open("/plan-training")
    expect(visit.page.get_by_role("heading", name="About 5.95 M GPU-hours")).to_be_visible()
    slider = visit.page.get_by_role("slider", name="Parameters of the model")
    for _step in range(20):  # a power of ten
        slider.press("ArrowLeft")
    expect(visit.page.get_by_role("heading", name="About 603 k GPU-hours")).to_be_visible()
    expect(visit.page.get_by_label("Parameters of the model").first).to_have_value("7.1B")
    expect(visit.page).to_have_url(re.compile("params=7.1B"))
    assert visit.find_violations() == []
    assert visit.complaints == []


def test_it_needs_no_script(visitor: Visitor):
    page = visitor.open("/plan-training", script=False).page
    page.get_by_label("Parameters of the model").fill("7B")
    page.get_by_label("On what?").select_option("gpu:a100")
    page.get_by_role("button", name="Work it out").click()
    expect(page.locator("#answer").get_by_text("NVIDIA A100 80 GB", exact=True)).to_be_visible()
    assert page.get_by_role("slider").count() == 0
