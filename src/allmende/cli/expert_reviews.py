"""What a reviewer types: profile, answers, scores."""

from pathlib import Path
from typing import Annotated

import typer

from allmende import wiring
from allmende.cli.acting import acting_deed, acting_person
from allmende.cli.output import AsJson, say, show
from allmende.domain.access.expert_reviews import Opinion, Review
from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.sentences import Sentence
from allmende.services import expert_reviews, reviewers

app = typer.Typer()

COLUMNS = ("id", "application_id", "state", "conflict", "invited_at", "submitted_at")
ApplicationId = Annotated[str, typer.Argument(help="The application that you review.")]
Opinions = Annotated[
    list[str] | None,
    typer.Argument(help="Such as impact=4:notes.txt; the file holds the text, at most 600 signs."),
]


@app.command("profile")
def save_profile(
    field: Annotated[list[str] | None, typer.Option(help="One of your fields.")] = None,
    works_at: Annotated[str, typer.Option(help="Where you work.")] = "",
    worked_with: Annotated[list[str] | None, typer.Option(help="In the last 3 years.")] = None,
    at_most: Annotated[int, typer.Option(help="Reviews at a time.")] = 3,
    json: AsJson = False,
) -> None:
    """Show your profile, or write it anew with your fields."""
    if field is None:
        profile = reviewers.get_own_profile(acting_person(), now=wiring.now())
    else:
        profile = reviewers.save_profile(
            acting_deed(),
            keywords=field,
            affiliation=works_at,
            worked_with=worked_with or (),
            load_limit=at_most,
        )
    show(profile, json=json)


@app.command("list")
def list_reviews(after: str = "", limit: int = 100, json: AsJson = False) -> None:
    """List what you were asked to review."""
    found = expert_reviews.list_invitations(acting_person(), after=after, limit=limit)
    rows = [
        {
            "application": each.review.application_id,
            "title": each.title,
            "organisation": each.organisation_name,
            "state": each.review.state,
            "due": each.due_at,
        }
        for each in found
    ]
    show(found if json else rows, json=json, empty=Sentence("You were asked for no review."))


@app.command("show")
def open_file(application_id: ApplicationId, json: AsJson = False) -> None:
    """Open the file of an application that you agreed to review."""
    file = expert_reviews.open_file(acting_deed(), application_id)
    if json:
        show(
            {"form": file.application.form, "review": file.review, "others": file.others}, json=True
        )
        return
    show(file.application.form)
    for criterion in file.plan.criteria:
        opinion = file.review.find_opinion(criterion.id)
        score = "–" if opinion.score is None else opinion.score
        say(f"{criterion.id}: {score} {opinion.text}")


@app.command("accept")
def accept(application_id: ApplicationId, json: AsJson = False) -> None:
    """Agree to review an application."""
    _show(expert_reviews.answer_invitation(acting_deed(), application_id, accepts=True), json=json)


@app.command("decline")
def decline(application_id: ApplicationId, json: AsJson = False) -> None:
    """Decline, or give a review back that you have not submitted."""
    _show(expert_reviews.answer_invitation(acting_deed(), application_id, accepts=False), json=json)


@app.command("conflict")
def declare_conflict(application_id: ApplicationId, json: AsJson = False) -> None:
    """Declare a conflict of interest: the file closes to you."""
    _show(expert_reviews.declare_conflict(acting_deed(), application_id), json=json)


@app.command("save")
def save_draft(
    application_id: ApplicationId, opinions: Opinions = None, json: AsJson = False
) -> None:
    """Save scores and texts as a draft."""
    said = [_read(each) for each in opinions or ()]
    _show(expert_reviews.save_draft(acting_deed(), application_id, opinions=said), json=json)


@app.command("submit")
def submit_review(
    application_id: ApplicationId, opinions: Opinions = None, json: AsJson = False
) -> None:
    """Hand your review in, once and for good."""
    said = [_read(each) for each in opinions or ()]
    _show(expert_reviews.submit_review(acting_deed(), application_id, opinions=said), json=json)


def _read(written: str) -> Opinion:
    criterion, equals, rest = written.partition("=")
    score, colon, path = rest.partition(":")
    if not (equals and colon and score.isdecimal() and Path(path).is_file()):
        raise InvalidInput(
            field=written,
            problem=Sentence("Write CRITERION=SCORE:FILE, with a file that is there."),
        )
    return Opinion(criterion_id=criterion, score=int(score), text=Path(path).read_text().strip())


def _show(review: Review, *, json: bool) -> None:
    show(review, json=json, columns=COLUMNS)
