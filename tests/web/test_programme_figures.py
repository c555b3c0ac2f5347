"""The office's figures in the portal, the archive of a year, and what the public reads."""

import csv
import hashlib
import io
import json
import re
import zipfile

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from allmende import wiring
from allmende.domain.access.working_days import day_of
from allmende.domain.basics.people import Role
from allmende.services import awards, reviews
from tests.services.access import (
    RULES,
    deed,
    founder,
    open_playground,
    submitted,
)
from tests.web.test_aid import browser_of
from tests.web.world import register

pytestmark = pytest.mark.django_db


@pytest.fixture
def office():
    open_playground()
    return register("office", Role.PROGRAMME_OFFICER)


def award_today(office, name="ada"):
    ada, firm = founder(name)
    now = wiring.now()
    application = submitted(ada, firm, now=now)
    reviews.record_technical_assessment(deed(office, now=now), application.id, is_feasible=True)
    return awards.award_application(deed(office, now=now), application.id, rules=RULES)


def this_year() -> int:
    """Return the year in Berlin, which begins before that of UTC."""
    return day_of(wiring.now()).year


def links_of(page: str) -> set[str]:
    found = re.findall(r'href="(/programme/figures/[a-z]+\?[^"]+)"', page)
    return {each.replace("&amp;", "&") for each in found}


def test_every_number_of_the_office_opens_to_rows(office):
    award = award_today(office)
    browser = browser_of(office)
    page = browser.get("/programme/figures?by=size_class&by=country").content.decode()
    links = links_of(page)
    assert len(links) == 2 * 5 + 1  # five stages of a mode and of its call; the hours of a class
    for link in links:
        opened = browser.get(link)
        assert opened.status_code == 200
        assert award.application_id in opened.content.decode(), link
    assert "4 node-h" in page.replace("\u202f", " ")
    assert "small · Germany" in page


def test_a_time_without_anything_teaches(office):
    page = browser_of(office).get("/programme/figures?span=2025-Q1").content.decode()
    assert "No application in this time" in page
    assert "No hours in this time" in page


@pytest.mark.parametrize("query", ["span=yesterday", "by=name", "span=2026-Q9", "by="])
def test_what_is_no_span_and_no_property_is_refused(office, query):
    assert browser_of(office).get(f"/programme/figures?{query}").status_code == 422


def test_the_archive_of_a_year_agrees_with_its_manifest(office):
    award_today(office)
    year = this_year()
    answer = browser_of(office).get(f"/programme/years/{year}.zip")
    assert answer["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        files = {each.rpartition("/")[2]: archive.read(each) for each in archive.namelist()}
    manifest = json.loads(files["manifest.json"])
    for name, described in manifest["files"].items():
        assert hashlib.sha256(files[name]).hexdigest() == described["sha256"]
    data = json.loads(files["access-time.json"])
    rows = list(csv.DictReader(io.StringIO(files["hours.csv"].decode())))
    assert [int(row["granted_seconds"]) for row in rows] == [4 * 3600]
    assert data["hours"][0]["granted_seconds"] == 4 * 3600
    told = browser_of(office).get(f"/api/v1/programme/years/{year}").json()
    assert told["manifest"]["files"] == manifest["files"]
    sheet = browser_of(office).get("/programme/figures/hours.csv")
    assert sheet.content == files["hours.csv"]


def test_every_table_of_the_office_is_a_sheet(office):
    award = award_today(office)
    browser = browser_of(office)

    def read(name: str) -> list[dict[str, str]]:
        content = browser.get(f"/programme/figures/{name}.csv").content.decode()
        return list(csv.DictReader(io.StringIO(content)))

    (funnel,) = read("funnel")
    assert (funnel["mode_id"], funnel["awarded"], funnel["refused"]) == ("playground", "1", "0")
    (times,) = read("times")
    assert (times["decided"], times["in_time"]) == ("1", "1")
    assert read("late") == []
    assert read("hours")[0]["granted_seconds"] == str(award.seconds)
    assert browser.get("/programme/figures/names.csv").status_code == 404


def test_the_api_tells_the_office_the_same(office):
    award = award_today(office)
    browser, span = browser_of(office), this_year()
    told = browser.get(f"/api/v1/programme/figures?span={span}&by=size_class").json()
    assert told["funnels"][0]["counts"]["awarded"] == 1
    assert told["hours"][0]["size_class"] == "small"
    assert told["hours"][0]["country"] == ""
    listed = browser.get(f"/api/v1/programme/figures/applications?span={span}&stage=awarded")
    assert [each["id"] for each in listed.json()["items"]] == [award.application_id]
    opened = browser.get(f"/api/v1/programme/figures/projects?span={span}&size_class=small").json()
    assert [each["project_id"] for each in opened] == [award.project_id]
    assert browser.get(f"/api/v1/programme/figures/projects?span={span}&country=FR").json() == []
    assert browser.get(f"/api/v1/programme/figures?span={span}&by=name").status_code == 422


def test_the_public_page_hides_the_few_and_has_no_other_filter(office):
    now = wiring.now()
    public = Client()
    page = public.get("/figures").content.decode()
    assert "fewer than 5 organisations" in page
    assert public.get(f"/figures?span={now.year}").status_code == 422
    assert public.get("/api/v1/figures?span=2026").status_code == 422
    plain = public.get("/api/v1/figures?span=2026-Q3").json()
    for more in ("&mode_id=playground", "&by=country", "&country=DE", "&size_class=micro"):
        assert public.get(f"/api/v1/figures?span=2026-Q3{more}").json() == plain
        assert public.get(f"/figures?span=2026-Q3{more}").status_code == 200


def test_the_list_of_aid_shows_what_is_overdue_first_and_every_field(office):
    """Art. 6(1) of Reg. (EU) 2023/2831: who, how much, when, by whom, how, which sector."""
    header = browser_of(office).get("/aid.csv").content.decode().splitlines()[0].split(",")
    wanted = {"beneficiary", "amount_eur", "granted_on", "authority", "instrument", "nace_code"}
    assert wanted <= set(header)
    assert {"due_before", "is_late"} <= set(header)


def test_the_page_of_figures_asks_a_fixed_number_of_questions(office):
    browser = browser_of(office)

    def count() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert browser.get("/programme/figures").status_code == 200
        return len(asked)

    award_today(office)
    few = count()
    for number in range(4):
        award_today(office, f"more{number}")
    assert count() == few
