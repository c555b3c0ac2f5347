"""What the office types in a round with peer review."""

from datetime import datetime
from typing import Annotated

import typer

from allmende import wiring
from allmende.cli.acting import acting_deed, acting_person
from allmende.cli.expert_reviews import COLUMNS
from allmende.cli.output import AsJson, show
from allmende.domain.access.working_days import BERLIN
from allmende.domain.basics.sentences import Sentence
from allmende.services import expert_reviews, panels, reviewers

app = typer.Typer()

FORMATS = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
CutOff = Annotated[
    datetime, typer.Argument(formats=FORMATS, help="The cut-off of the round, Berlin's time.")
]


@app.command("list")
def list_rounds(json: AsJson = False) -> None:
    """List the rounds of all calls with peer review."""
    found = panels.list_rounds(acting_person())
    rows = [
        {
            "call": each.call.id,
            "cut-off": each.cut_off_at.astimezone(BERLIN).strftime(FORMATS[0]),
            **{state.value: number for state, number in each.counts.items()},
        }
        for each in found
    ]
    show(found if json else rows, json=json, empty=Sentence("No round with peer review yet."))


@app.command("reviewers")
def list_reviewers(json: AsJson = False) -> None:
    """List everybody who reviews, and how much more they take."""
    found = reviewers.list_reviewers(acting_person(), now=wiring.now())
    rows = [
        {
            "id": each.person.id,
            "name": each.person.name,
            "fields": ", ".join(each.profile.keywords),
            "takes": each.free_load,
        }
        for each in found
    ]
    show(found if json else rows, json=json, empty=Sentence("Nobody has the role of a reviewer."))


@app.command("assign")
def list_assignments(call_id: str, cut_off: CutOff, json: AsJson = False) -> None:
    """Propose who reviews what, with the words that they share."""
    found = panels.list_assignments(acting_person(), call_id, _instant(cut_off), now=wiring.now())
    rows = [
        {
            "application": each.application.id,
            "reviewer": choice.reviewer.person.id,
            "name": choice.reviewer.person.name,
            "fit": choice.fit.thousandths,
            "words": ", ".join(choice.fit.words),
        }
        for each in found
        for choice in each.choices
        if choice.is_proposed
    ]
    rows += [
        {
            "application": each.application.id,
            "reviewer": "–",
            "name": Sentence("{number} reviews are lacking", {"number": each.lacking}),
            "fit": 0,
            "words": "",
        }
        for each in found
        if each.lacking
    ]
    show(found if json else rows, json=json, empty=Sentence("No review is to be assigned."))


@app.command("invite")
def invite_reviewer(application_id: str, reviewer_id: str, json: AsJson = False) -> None:
    """Ask an expert to review an application."""
    review = panels.invite_reviewer(acting_deed(), application_id, reviewer_id=reviewer_id)
    show(review, json=json, columns=COLUMNS)


@app.command("call-off")
def call_off_review(application_id: str, reviewer_id: str, json: AsJson = False) -> None:
    """Take back an invitation, or a review that does not come."""
    review = panels.call_off_review(acting_deed(), application_id, reviewer_id=reviewer_id)
    show(review, json=json, columns=COLUMNS)


@app.command("recuse")
def recuse_reviewer(application_id: str, reviewer_id: str, json: AsJson = False) -> None:
    """Close a file to a reviewer because you found a conflict; their review counts no more."""
    review = expert_reviews.recuse_reviewer(acting_deed(), application_id, reviewer_id=reviewer_id)
    show(review, json=json, columns=COLUMNS)


@app.command("conflicts")
def recheck_conflicts(call_id: str, cut_off: CutOff, json: AsJson = False) -> None:
    """Recuse everybody who has a conflict of interest by now."""
    number = panels.recheck_conflicts(acting_deed(), call_id, _instant(cut_off))
    found = Sentence("{number} reviewers had a conflict.", {"number": number})
    show({"number": number} if json else found, json=json)


@app.command("show")
def show_panel(call_id: str, cut_off: CutOff, json: AsJson = False) -> None:
    """Show the ranking of a round, under what its call has to give."""
    panel = panels.get_panel(acting_person(), call_id, _instant(cut_off), now=wiring.now())
    rows = [
        {
            "rank": each.rank or "–",
            "application": each.application_id,
            "sum": round(float(each.total), 2),
            "spread": round(float(each.spread), 2),
            "below": ", ".join(each.failed),
            "proposed_seconds": each.proposed_seconds,
        }
        for each in panel.standings
    ]
    if json:
        waiting = [each.id for each in panel.waiting]
        show({"ranking": rows, "waiting": waiting, "can_close": panel.can_close}, json=True)
    else:
        show(rows, empty=Sentence("No application of this round has all its reviews yet."))


@app.command("close")
def close_panel(call_id: str, cut_off: CutOff, json: AsJson = False) -> None:
    """Close the panel of a round; the decisions are next."""
    ranked = panels.close_panel(acting_deed(), call_id, _instant(cut_off))
    show([{"application": each} for each in ranked], json=json)


@app.command("reviews")
def list_reviews(application_id: str, json: AsJson = False) -> None:
    """List the reviews of an application; none until all are in."""
    found = expert_reviews.list_reviews(acting_person(), application_id)
    empty = Sentence("Scores and texts open when all reviews of this application are in.")
    show(list(found), json=json, columns=COLUMNS, empty=empty)


def _instant(cut_off: datetime) -> datetime:
    return cut_off.replace(tzinfo=BERLIN)
