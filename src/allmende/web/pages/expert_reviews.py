"""The pages of a reviewer: what is asked of them, and one screen to read and to score."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from allmende.domain.access.expert_reviews import READING_STATES, ReviewState
from allmende.domain.access.reviewers import CONFLICT_WORDS
from allmende.domain.basics.refusals import Refusal
from allmende.services import expert_reviews, reviewers
from allmende.services.expert_reviews import ReviewFile
from allmende.web.acting import begin_deed, get_person
from allmende.web.forms.expert_reviews import ProfileForm, ReviewForm, initial_of
from allmende.web.pages.applications import find_marks, list_answers
from allmende.wiring import now

PAGE_SIZE = 100


def list_reviews(request: HttpRequest) -> HttpResponse:
    """Show what is asked of a reviewer, and what they have written."""
    reader = get_person(request)
    after = request.GET.get("after", "")
    page = expert_reviews.list_invitations(reader, after=after, limit=PAGE_SIZE)
    context = {
        "open": expert_reviews.list_open_invitations(reader),
        "closed": [each for each in page if not each.is_open],
        "after": page[-1].review.id if len(page) == PAGE_SIZE else "",
        "profile": reviewers.get_own_profile(reader, now=now()),
    }
    return render(request, "reviews/list.html", context)


def edit_profile(request: HttpRequest) -> HttpResponse:
    """Show one's own profile as a reviewer, and save it."""
    profile = reviewers.get_own_profile(get_person(request), now=now())
    if request.method != "POST":
        form = ProfileForm(initial=initial_of(profile))
        return render(request, "reviews/profile.html", {"form": form})
    form = ProfileForm(request.POST)
    if form.is_valid():
        reviewers.save_profile(begin_deed(request), **form.written())
        return redirect("reviews")
    return render(request, "reviews/profile.html", {"form": form}, status=422)


def show_review(request: HttpRequest, application_id: str) -> HttpResponse:
    """Show the application beside the scores; save them as a draft, or submit them once."""
    invitation = expert_reviews.get_invitation(get_person(request), application_id)
    review = invitation.review
    if review.state not in READING_STATES or not invitation.is_readable:
        conflict = CONFLICT_WORDS[review.conflict] if review.conflict else None
        context = {"invitation": invitation, "conflict": conflict}
        return render(request, "reviews/invitation.html", context)
    file = expert_reviews.open_file(begin_deed(request), application_id)
    if request.method != "POST":
        form = ReviewForm(plan=file.plan, review=file.review)
        return _show_file(request, file, form, saved="saved" in request.GET)
    form = ReviewForm(request.POST, plan=file.plan, review=file.review)
    if not form.is_valid():
        return _show_file(request, file, form, status=422)
    is_final = "submit" in request.POST
    write = expert_reviews.submit_review if is_final else expert_reviews.save_draft
    try:
        write(begin_deed(request), application_id, opinions=form.opinions())
    except Refusal as refusal:
        if refusal.status in (401, 403, 404):
            raise
        return _show_file(request, file, form, refusal=refusal)
    answer = redirect("review", application_id)
    return answer if is_final else redirect(f"{answer.url}?saved=1#scores")


def _show_file(
    request: HttpRequest,
    file: ReviewFile,
    form: ReviewForm,
    *,
    saved: bool = False,
    status: int = 200,
    refusal: Refusal | None = None,
) -> HttpResponse:
    answers = list_answers(file.application, with_secrets=False)
    context = {
        "file": file,
        "application": file.application,
        "marks": find_marks(file.application),
        "answers": answers,
        "form": form,
        "saved": saved,
        "refusal": refusal.sentence if refusal else None,
        "is_submitted": file.review.state is ReviewState.SUBMITTED,
    }
    status = refusal.status if refusal else status
    return render(request, "reviews/file.html", context, status=status)


@require_POST
def answer(request: HttpRequest, application_id: str) -> HttpResponse:
    """Accept, decline, or declare a conflict of interest."""
    deed, said = begin_deed(request), request.POST.get("answer", "")
    if said == "conflict":
        expert_reviews.declare_conflict(deed, application_id)
    else:
        expert_reviews.answer_invitation(deed, application_id, accepts=said == "accept")
    return redirect("review", application_id)
