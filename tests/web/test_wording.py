"""Numbers, amounts and instants in both languages."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django import forms
from django.utils import formats, translation

from allmende.domain.accounting.allocations import Budget
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import TimeUnit
from allmende.services.runs import Curve
from allmende.web import bars, curves, maps, states, wording
from allmende.web.forms.fields import AmountField, plain_number
from allmende.web.markdown import render_markdown
from allmende.wiring.languages import translate


@pytest.mark.parametrize(
    ("value", "english", "german"),
    [(1234.5, "1,234.5", "1.234,5"), (5938, "5,938", "5.938"), (Decimal("0.25"), "0.25", "0,25")],
)
def test_numbers_are_written_as_the_language_has_them(value: object, english: str, german: str):
    with translation.override("en"):
        assert wording.write_number(value) == english
    with translation.override("de"):
        assert wording.write_number(value) == german


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.0, "0"),
        (0.93456, "0,9346"),
        (-1234.56, "-1.235"),
        (1e-5, "10⁻⁵"),
        (-2.5e-7, "−2,5 × 10⁻⁷"),
        (1e300, "10³⁰⁰"),
    ],
)
def test_what_code_measured_is_short_whatever_its_size(value: float, written: str):
    with translation.override("de"):
        assert wording.write_measure(value) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0 node-h"),
        (1, "1 node-s"),
        (359, "359 node-s"),
        (360, "0.1 node-h"),
        (14_400, "4 node-h"),
        (4_320_000, "1,200 node-h"),
    ],
)
def test_small_amounts_are_never_written_as_noughts(seconds: int, written: str):
    with translation.override("en"):
        found = wording.write_hours_with_unit(seconds, TimeUnit.NODE_SECONDS)
    assert found == written.replace(" ", wording.NARROW_SPACE)


def test_an_instant_is_local_and_names_its_zone():
    with translation.override("de"):
        winter = wording.write_instant(datetime(2026, 11, 22, 20, 0, tzinfo=UTC))
        summer = wording.write_instant(datetime(2026, 7, 1, 10, 0, tzinfo=UTC))
    assert winter == "22. November 2026, 21:00 MEZ"
    assert summer == "1. Juli 2026, 12:00 MESZ"


def test_english_writes_days_in_one_way_in_which_no_month_reads_as_a_day():
    with translation.override("en"):
        instant = wording.write_instant(datetime(2026, 11, 2, 20, 0, tzinfo=UTC))
        short = formats.date_format(date(2026, 11, 2), "SHORT_DATE_FORMAT")
    assert (instant, short) == ("2 Nov 2026, 21:00 CET", "2 Nov 2026")


def test_energy_is_written_in_the_unit_that_reads_better():
    with translation.override("en"):
        assert wording.write_energy(3_600) == f"1{wording.NARROW_SPACE}Wh".replace("1", "1.00")
        assert wording.write_energy(7_200_000) == f"2.0{wording.NARROW_SPACE}kWh"


def test_money_bytes_and_durations_have_their_units():
    with translation.override("en"):
        assert wording.write_money(90) == f"0.90{wording.NARROW_SPACE}€"
        assert wording.write_bytes(1_500) == f"1.5{wording.NARROW_SPACE}kB"
        assert wording.write_duration(90_061) == "1 day 1 h"
        assert wording.write_duration(0) == "0 s"


def test_a_sentence_inside_a_sentence_is_translated_too():
    inner = Sentence("a small enterprise")
    with translation.override("de"):
        assert translate(Sentence("{who}: {why}", {"who": "A", "why": inner})) == (
            "A: ein kleines Unternehmen"
        )


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("12", "12"),
        ("1.5", "1.5"),
        ("1,5", "1.5"),
        ("1.234,5", "1234.5"),
        ("1,234.5", "1234.5"),
        ("1.234", "1234"),
        ("0.125", "0.125"),
        ("0,125", "0.125"),
        ("1.234.567", "1234567"),
    ],
)
def test_numbers_may_be_german_or_english(text: str, plain: str):
    assert plain_number(text) == plain


NO_AMOUNTS = ["many", "-1", "1e400000000", "nan", "inf", "1,2,3", "1.23.456", "1.2,3.4", "1_000"]


@pytest.mark.parametrize("text", [*NO_AMOUNTS, "²", "\N{ARABIC-INDIC DIGIT THREE}"])
def test_what_is_no_amount_is_refused(text: str):
    with pytest.raises(forms.ValidationError):
        AmountField().clean(text)


def test_the_sites_lie_where_they_are():
    west, north = maps.project(50.905, 6.411)
    east, south = maps.project(48.262, 11.668)
    assert west < east
    assert north < south
    assert 0 < west < maps.WIDTH
    assert 0 < south < maps.HEIGHT


def test_a_bar_has_the_width_of_its_parts():
    budget = Budget(
        project_id="prj",
        partition_id="werkbank",
        access_share="union",
        unit=TimeUnit.NODE_SECONDS,
        awarded_seconds=100,
        held_seconds=25,
        consumed_seconds=25,
        refunded_seconds=0,
        expired_seconds=0,
        available_seconds=50,
    )
    parts = {part.name: (part.x, part.width) for part in bars.draw_bar(budget).parts}
    assert parts == {
        "available": (0, 500),
        "held": (500, 250),
        "consumed": (750, 250),
        "expired": (1000, 0),
    }


def test_a_curve_of_one_point_is_not_drawn():
    assert curves.draw_curves([Curve(name="loss", points=((1, 0.5),))]) == []


def test_a_curve_is_thinned_but_keeps_its_ends():
    points = tuple((step, 1 / (step + 1)) for step in range(1000))
    drawing = curves.draw_curves([Curve(name="loss", points=points)])[0]
    assert drawing.path.count("L") < curves.POINTS_MAX + 1
    assert drawing.rows[0][0] == "0"
    assert drawing.rows[-1][0] == "999"


def test_markdown_is_shown_with_tables_that_the_keyboard_reaches():
    card = "---\nlicense: x\n---\n# Name\n\n## Data\n\n- **a** `b`\n  - c\n\n|x|y|\n|-|-|\n|1|2|"
    shown = render_markdown(card).replace("\n", "")
    assert shown == (
        "<h2>Data</h2><ul><li><strong>a</strong> <code>b</code><ul><li>c</li></ul></li></ul>"
        '<div class="tablewrap" tabindex="0" role="group"><table><thead><tr><th scope="col">x</th>'
        '<th scope="col">y</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody>'
        "</table></div>"
    )


@pytest.mark.parametrize(
    "text",
    [
        "## <script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "a <b onclick=alert(1)>b</b>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](&#106;avascript:alert(1))",
        "[x](data:text/html,<script>alert(1)</script>)",
        "[x](/account/logout/)",
        "<javascript:alert(1)>",
        "[x]\n\n[x]: vbscript:alert(1)",
        "![x](https://example.org/track.png)",
        '[x](https://example.org "a"onmouseover=alert(1)")',
        "```<script>\n<script>alert(1)</script>\n```",
        "|<script>|\n|-|\n|<img src=x>|",
    ],
)
def test_markdown_lets_no_html_no_picture_and_no_strange_link_through(text: str):
    shown = render_markdown(text)
    tags = set(re.findall(r"<(/?[a-z0-9]+)", shown))
    assert not {tag.strip("/") for tag in tags} - {
        "h2",
        "p",
        "a",
        "pre",
        "code",
        "div",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    }
    for link in re.findall(r'href="([^"]*)"', shown):
        assert link.startswith(("http://", "https://", "mailto:"))
    assert not re.search(r"<[^>]*\son[a-z]+=[^\"&]", shown)


def test_links_to_pages_and_mail_stay():
    shown = render_markdown("[a](https://example.org/?a=1&b=2) <mailto:mina@example.org>")
    assert 'href="https://example.org/?a=1&amp;b=2"' in shown
    assert 'href="mailto:mina@example.org"' in shown


def test_code_of_a_card_stays_as_it_is():
    assert render_markdown("Load it:\n\n```python\na = [1]\n\n# <b>\n```\n\nThen go on.") == (
        '<p>Load it:</p>\n<pre tabindex="0"><code>a = [1]\n\n# &lt;b&gt;\n</code></pre>\n'
        "<p>Then go on.</p>"
    )


def test_a_card_without_end_is_shown_in_part():
    assert len(render_markdown("[" * 1_000_000)) < 110_000


def test_an_unknown_state_shows_its_own_name():
    assert states.describe("job", "no_such").word == "no such"


@pytest.mark.parametrize("text", ["1.234", "1,234", "12.345"])
def test_a_number_that_may_be_two_is_asked_for_again_in_millions(text: str):
    with pytest.raises(forms.ValidationError, match="may be thousands"):
        AmountField(asks_which=True).clean(text)
    assert AmountField(asks_which=True).clean("0,125") == Decimal("0.12")
    assert AmountField(asks_which=True, places=6).clean("1.234.567,5") == Decimal("1234567.5")


def test_numbers_are_rounded_and_not_cut():
    assert wording.write_number(90.9, 0) == "91"
    assert wording.write_number(Decimal("2.999"), 2) == "3.00"
