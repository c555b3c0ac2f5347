"""Founders and scientists fill in an application, with a clock that counts what they do."""

import re
from dataclasses import dataclass
from time import monotonic

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor
from tests.domain.access.full_form import FULL_ANSWERS

pytestmark = pytest.mark.browser

WORDS_A_MINUTE = 90
SIGNS_A_WORD = 5
SECONDS_A_CHOICE = 3  # to find it and to hit it
SECONDS_TO_READ_A_PAGE = 10


@dataclass
class Typist:
    """Somebody who types 90 words a minute; counts what it would take them."""

    page: Page
    seconds: float = 0.0
    signs: int = 0
    loads: int = 0

    def write(self, label: str, text: str, *, nth: int = 0) -> None:
        self.page.get_by_label(label, exact=True).nth(nth).fill(text)
        self.signs += len(text)
        self.seconds += 60 * len(text) / SIGNS_A_WORD / WORDS_A_MINUTE + SECONDS_A_CHOICE

    def choose(self, group: str, choice: str) -> None:
        self.page.get_by_role("group", name=group).get_by_label(choice, exact=True).check()
        self.seconds += SECONDS_A_CHOICE

    def pick(self, label: str, choice: str, *, nth: int = 0) -> None:
        self.page.get_by_label(label, exact=True).nth(nth).select_option(label=choice)
        self.seconds += SECONDS_A_CHOICE

    def tick(self, label: str | re.Pattern[str]) -> None:
        self.page.get_by_label(label).check()
        self.seconds += SECONDS_A_CHOICE

    def press(self, name: str, *, role: str = "button", nth: int = 0) -> None:
        main = self.page.get_by_role("main")
        started = monotonic()
        with self.page.expect_navigation():
            main.get_by_role(role, name=name).nth(nth).click()
        self.loads += 1
        self.seconds += monotonic() - started + SECONDS_A_CHOICE + SECONDS_TO_READ_A_PAGE


def test_a_founder_does_the_short_form_on_a_phone_in_less_than_ten_minutes(visitor: Visitor):
    founder = Typist(visitor.open("/apply?purpose=private_innovation", who="mina", phone=True).page)
    founder.page.get_by_label("Werkbank Playground").check()
    founder.press("Start the application")
    founder.press("Go on", role="link")
    founder.write("Title of the project", "Finding tumours early")
    founder.write(
        "In a few sentences: what will you train, and what for?",
        "We train a classifier on figures of cell nuclei to tell malignant from benign tumours. It"
        " says how sure it is, so that a doctor knows when to look again. With the award we compare"
        " forty settings and publish the weights of the best.",
    )
    founder.choose("civilian purposes", "Yes")
    founder.press("Save and continue")
    founder.write(
        "For how many months does their contract run beyond the end of the project?", "120"
    )
    founder.press("Save and continue")
    founder.press("Save and work out the size")
    founder.pick("What will you train?", "Medicine: clinical classifier")
    founder.write("How many such trainings?", "40")
    founder.press("Work it out")
    founder.press("Take over these figures")
    expect(founder.page.get_by_label("How many hours (node-h) do you need?")).to_have_value("3.6")
    founder.choose("For how long", "1 month")
    founder.choose("Have you trained", "No, this is the first time")
    founder.press("Save and continue")
    founder.choose("How sensitive", "Public: anybody may have it")
    founder.choose("living people", "No")
    founder.choose("AI Act forbids", "No")
    founder.write(
        "Which data is it, and where does it come from?",
        "Breast Cancer Wisconsin (Diagnostic), 569 records without identifiers.",
    )
    founder.press("Save and continue")
    founder.tick(re.compile("correct and complete"))
    founder.tick(re.compile("accept the terms"))
    founder.press("Save and continue")
    founder.press("Hand in the application")
    expect(founder.page.get_by_role("heading", name="We have your application.")).to_be_visible()
    expect(founder.page.get_by_text("Declared at the hand-in")).to_be_visible()
    minutes = founder.seconds / 60
    assert minutes < 10, f"{founder.signs} signs, {founder.loads} pages: {minutes:.1f} minutes"


def fill_rows(typist: Typist, name: str, labels: dict[str, str], *, kinds: dict[str, str]) -> None:
    """Fill in a table row by row; each further row costs a page."""
    rows = FULL_ANSWERS[name]
    for number, row in enumerate(rows):
        box = typist.page.locator(f"#id_{name} .rowbox").nth(number)
        for column, value in row.items():
            cell = box.get_by_label(labels[column], exact=True)
            if column in kinds:
                cell.select_option(value=str(value))
            else:
                cell.fill(str(value))
                typist.signs += len(str(value))
            typist.seconds += SECONDS_A_CHOICE + 60 * len(str(value)) / 5 / WORDS_A_MINUTE
        if number + 1 < len(rows):
            with typist.page.expect_navigation():
                typist.page.locator(f"#id_{name}").get_by_role("button").click()
            typist.loads += 1


ROWS = {
    "research_fields": (
        {"panel": "Panel of the European Research Council", "share_percent": "Share in per cent"},
        {"panel": ""},
    ),
    "members": (
        {
            "name": "Name",
            "email": "E-mail address",
            "organisation": "Organisation",
            "country": "Country of the organisation",
        },
        {"country": ""},
    ),
    "planned_runs": (
        {
            "name": "What runs",
            "runs": "Runs",
            "devices": "GPUs or nodes each",
            "hours": "Hours each",
        },
        {},
    ),
    "codes": (
        {
            "name": "Name and version",
            "repository": "Where it can be had",
            "licence": "Licence",
            "connection": "How do you stand to it?",
        },
        {"connection": ""},
    ),
    "scaling": ({"devices": "GPUs or nodes", "seconds": "Seconds for the same work"}, {}),
    "data_sources": (
        {
            "name": "Name of the data",
            "origin": "Where it comes from",
            "licence": "Licence, or the right to use it",
            "size_gigabytes": "Size in gigabytes",
        },
        {},
    ),
    "milestones": (
        {
            "name": "Piece of work",
            "first_month": "From month",
            "last_month": "To month",
            "result": "What is there at its end",
        },
        {},
    ),
}
PARTS = (
    ("research_fields", "title", "summary", "problem", "keywords"),
    ("members", "contract_months_after_end"),
    ("planned_runs", "requested_hours", "justification", "storage_gigabytes", "fallback_partition"),
    ("codes", "scaling", "scalability", "bottlenecks"),
    ("frameworks", "model_parameters", "training_tokens", "training_flop"),
    ("data_sources",),
    tuple(name for name in FULL_ANSWERS if name.startswith("ethics_")),
    ("milestones", "impact", "dissemination"),
    (),
)
CHOICES = {
    0: (
        ("compute time for", "Research whose results are published"),
        ("kind of application", "Science"),
        ("civilian purposes", "Yes"),
    ),
    2: (("For how long", "6 months"), ("Have you trained", "Yes, our code runs on several GPUs")),
    4: (
        ("What will you do", "Training from scratch"),
        ("What will you do", "Preparing data"),
        ("open to all", "Yes"),
    ),
    5: (
        ("How sensitive", "Public: anybody may have it"),
        ("living people", "No"),
        ("AI Act forbids", "No"),
    ),
}


def test_a_scientist_does_the_full_form_without_script(visitor: Visitor):
    page = visitor.open("/apply", who="rolf", script=False).page
    scientist = Typist(page)
    page.locator("input[value=science-next-round]").check()
    scientist.press("Start the application")
    scientist.press("Go on", role="link")
    for number, part in enumerate(PARTS):
        for name in part:
            if name in ROWS:
                labels, kinds = ROWS[name]
                fill_rows(scientist, name, labels, kinds=kinds)
        for name in part:
            if name not in ROWS:
                page.locator(f"#id_{name}").fill(FULL_ANSWERS[name])
                scientist.signs += len(FULL_ANSWERS[name])
        for group, choice in CHOICES.get(number, ()):
            scientist.choose(group, choice)
        if number == len(PARTS) - 1:
            for words in ("correct and complete", "Everybody in the team", "accept the terms"):
                scientist.tick(re.compile(words))
        scientist.press("Save and continue")
        expect(page.get_by_role("alert")).to_have_count(0)
    scientist.press("Hand in the application")
    expect(page.get_by_role("heading", name="We have your application.")).to_be_visible()
    expect(page.get_by_role("cell", name="Universiteit Voorbeeld")).to_be_visible()
    expect(page.get_by_role("img", name="Months 2 to 5 of 6")).to_be_visible()


def test_what_a_part_lacks_is_said_beside_it_and_in_the_list_of_parts(visitor: Visitor):
    path = f"/applications/{visitor.portal.ids['full_draft_id']}/parts/resources"
    page = visitor.open(path, who="rolf").page
    page.locator("#id_planned_runs-0-hours").fill("0.25")
    page.get_by_role("button", name="Save and continue").click()
    expect(page.get_by_role("alert")).to_contain_text("The runs add up to 18 node-h")
    expect(page.get_by_role("link", name=re.compile("Plan of the runs"))).to_be_visible()
    page.goto(f"/applications/{visitor.portal.ids['full_draft_id']}")
    row = page.get_by_role("listitem").filter(has_text="Compute time")
    expect(row).not_to_contain_text("done")
    page.goto(path)
    page.locator("#id_planned_runs-0-hours").fill("0.5")
    with page.expect_navigation():
        page.get_by_role("button", name="Save and continue").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Programs")
