"""Recomputing decisions: for whoever audits them, without believing those who took them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from allmende.domain.access.applications import Application
from allmende.domain.access.recomputations import Grounds, recompute
from allmende.domain.access.snapshots import from_plain, hash_plain
from allmende.domain.basics.people import Person
from allmende.domain.basics.rules import Rule, RuleBook
from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust.audit import Finding
from allmende.domain.trust.permissions import Permission, check_permission
from allmende.storage import appeals as appeal_store
from allmende.storage import applications as application_store
from allmende.storage import audit as audit_store
from allmende.storage import awards as award_store
from allmende.storage import calls as call_store
from allmende.storage import expert_reviews as review_store
from allmende.storage import reviews as assessment_store

PAGE_SIZE = 200


@dataclass(frozen=True, kw_only=True)
class Recomputed:
    """What recomputing all decisions found."""

    applications: int
    awards: int
    findings: tuple[Finding, ...]


def recompute_decisions(reader: Person) -> Recomputed:
    """Work out every decision on access once more, page by page, and say what does not follow."""
    check_permission(reader, Permission.READ_AUDIT)
    counted = awards = 0
    findings: list[Finding] = []
    after = ""
    while page := application_store.list_applications(handed_in=True, after=after, limit=PAGE_SIZE):
        after = page[-1].id
        granted, found = _recompute_page(page)
        counted, awards = counted + len(page), awards + granted
        findings += found
    return Recomputed(applications=counted, awards=awards, findings=tuple(findings))


def _recompute_page(page: Sequence[Application]) -> tuple[int, list[Finding]]:
    """Return the number of awards on these applications, and all that does not follow."""
    ids = [each.id for each in page]
    awards = award_store.list_by_applications(ids)
    assessments = assessment_store.list_assessments(ids)
    reopened = appeal_store.list_upheld(ids)
    submitted = {
        event.subject: event.facts
        for event in audit_store.list_events_about(ids, action="application.submitted")
    }
    written = application_store.list_frozen(ids)
    reviews = review_store.list_reviews(ids)
    hashes = {each.submitted.rules_hash for each in page}
    hashes |= {each.recheck.rules_hash for each in awards.values() if each.recheck is not None}
    books, findings = _read_books(hashes)
    for application in page:
        award = awards.get(application.id)
        recheck = award.recheck if award is not None else None
        book = books.get(application.submitted.rules_hash)
        problems = _find_changed(written[application.id], submitted.get(application.id, {}))
        if book is not None:
            grounds = Grounds(
                application=application,
                rules=book,
                award_rules=books.get(recheck.rules_hash) if recheck is not None else None,
                assessment=assessments.get(application.id),
                reviews=[each for each in reviews if each.application_id == application.id],
                award=award,
                was_reopened=application.id in reopened,
            )
            problems += recompute(grounds)
        findings += [Finding(place=application.id, problem=each) for each in problems]
    return len(awards), findings


def _read_books(hashes: set[str]) -> tuple[Mapping[str, RuleBook], list[Finding]]:
    """Return the rules of each day by their hash, and those that are missing or were changed."""
    kept = call_store.list_rules(hashes)
    books, findings = {}, []
    for rules_hash in sorted(hashes):
        if rules_hash not in kept or hash_plain(kept[rules_hash]) != rules_hash:
            problem = Sentence("These rules are missing, or are not as they were kept.")
            findings.append(Finding(place=rules_hash, problem=problem))
        else:
            rows = from_plain(tuple[Rule, ...], kept[rules_hash])
            books[rules_hash] = RuleBook(rows)
    return books, findings


def _find_changed(written: Mapping[str, object], event: Mapping[str, object]) -> list[Sentence]:
    """Return whether an application is still what the audit trail saw handed in."""
    if not event:
        return [Sentence("The audit trail does not know that it was handed in.")]
    is_whole = event.get("frozen") == hash_plain(written["frozen"])
    is_whole = is_whole and event.get("content") == hash_plain(written["form"])
    return [] if is_whole else [Sentence("It is not what was handed in: it was changed since.")]
