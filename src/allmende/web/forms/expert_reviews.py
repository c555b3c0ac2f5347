"""The forms of a reviewer: the profile, and the scores with their texts."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from allmende.domain.access.expert_reviews import TEXT_MAX, Opinion, Review
from allmende.domain.access.review_plans import SCORE_MAX, ReviewPlan
from allmende.domain.access.reviewers import LOAD_MAX, ReviewerProfile

SCORES = [(str(score), str(score)) for score in range(SCORE_MAX + 1)]


class ProfileForm(forms.Form):
    """What a reviewer says about themselves; lists have one entry a line."""

    keywords = forms.CharField(
        label=gettext_lazy("Your fields, one a line"),
        help_text=gettext_lazy("As you would write keywords. Proposals compare them with titles."),
        widget=forms.Textarea(attrs={"rows": 5}),
        max_length=20_000,
    )
    affiliation = forms.CharField(
        label=gettext_lazy("Where you work"), required=False, max_length=200
    )
    worked_with = forms.CharField(
        label=gettext_lazy("With whom you worked in the last three years, one a line"),
        help_text=gettext_lazy("Names or e-mail addresses. You are not asked about them."),
        widget=forms.Textarea(attrs={"rows": 4}),
        required=False,
        max_length=20_000,
    )
    load_limit = forms.IntegerField(
        label=gettext_lazy("How many reviews you write at a time, at most"),
        min_value=1,
        max_value=LOAD_MAX,
    )

    def written(self) -> dict[str, Any]:
        """Return what the service takes."""
        data = self.cleaned_data
        lists = {name: data[name].splitlines() for name in ("keywords", "worked_with")}
        return {**lists, "affiliation": data["affiliation"], "load_limit": data["load_limit"]}


def initial_of(profile: ReviewerProfile) -> dict[str, Any]:
    """Return a profile as its form shows it."""
    return {
        "keywords": "\n".join(profile.keywords),
        "affiliation": profile.affiliation,
        "worked_with": "\n".join(profile.worked_with),
        "load_limit": profile.load_limit,
    }


class ReviewForm(forms.Form):
    """A score and a text for each criterion of the plan; a draft may miss any of them."""

    def __init__(self, data: Any = None, *, plan: ReviewPlan, review: Review) -> None:
        super().__init__(data)
        self.plan = plan
        for criterion in plan.criteria:
            said = review.find_opinion(criterion.id)
            self.fields[f"score-{criterion.id}"] = forms.ChoiceField(
                label=_("Score"),
                choices=SCORES,
                widget=forms.RadioSelect,
                required=False,
                initial="" if said.score is None else str(said.score),
            )
            self.fields[f"text-{criterion.id}"] = forms.CharField(
                label=_("Why"),
                widget=forms.Textarea(attrs={"rows": 4, "data-characters": TEXT_MAX}),
                required=False,
                initial=said.text,
                max_length=20_000,
            )

    def parts(self) -> list[tuple[Mapping[str, str], int, Any, Any]]:
        """Return name, threshold, score and text of each criterion."""
        return [
            (each.names, each.threshold, self[f"score-{each.id}"], self[f"text-{each.id}"])
            for each in self.plan.criteria
        ]

    def opinions(self) -> list[Opinion]:
        """Return what was said, as the service takes it."""
        said = self.cleaned_data
        return [
            Opinion(
                criterion_id=each.id,
                score=int(said[f"score-{each.id}"]) if said[f"score-{each.id}"] else None,
                text=said[f"text-{each.id}"].replace("\r\n", "\n"),
            )
            for each in self.plan.criteria
        ]
