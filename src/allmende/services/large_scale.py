"""The demo's Large Scale round: two SMEs, three experts, one ranking, and a part of a request.

A round takes weeks. So it is told as one whose cut-off was two weeks ago: each deed has the instant
at which it would have happened, and goes through the same services as everything else.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from allmende.domain.access.calls import AccessRules, Call
from allmende.domain.access.expert_reviews import Opinion
from allmende.domain.access.reviewers import CONFLICT_WORDS
from allmende.domain.access.working_days import BERLIN
from allmende.domain.basics.people import DAEMON, Person
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import plain_hours
from allmende.services import (
    applications,
    awards,
    calls,
    expert_reviews,
    panels,
    people,
    rebuttals,
    reviewers,
    reviews,
)
from allmende.services.cast import DEMO_PASSWORD, EXPERTS, FOUNDER, START_UP
from allmende.services.deeds import Deed
from allmende.services.large_projects import (
    CRITERIA,
    DECLARING,
    LARGE_ANSWERS,
    REBUTTAL,
    SCORES,
    TEXT,
)
from allmende.services.people import NewPerson
from allmende.services.story import Lines, Story

SHIPPED_CALL, CALL = "werkbank-large-scale-2027-1", "werkbank-large-scale-demo"
SINCE_CUT_OFF = timedelta(days=14)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# When things happen, counted from the cut-off; ten working days are never less than the last.
BEFORE, ASSESSED, INVITED = -2 * DAY, 2 * HOUR, 3 * HOUR
ANSWERED, REVIEWED, REPLIED, RANKED, DECIDED = DAY, 2 * DAY, 2 * DAY + HOUR, 9 * DAY, 9 * DAY + HOUR
APPLICANTS = (FOUNDER, START_UP)


@dataclass
class LargeScale:
    """The round. It yields a sentence for everything that happens."""

    story: Story
    now: datetime
    rules: AccessRules = field(init=False)
    call: Call = field(init=False)
    application_ids: dict[str, str] = field(default_factory=dict)  # by the applicant
    asked: list[tuple[str, str]] = field(default_factory=list)  # applicant and expert
    project_ids: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        shipped = self.story.rules.get_call(SHIPPED_CALL)
        at_ten = self.now.astimezone(BERLIN).replace(hour=10, minute=0, second=0, microsecond=0)
        cut_off = (at_ten - SINCE_CUT_OFF).astimezone(UTC)
        self.call = replace(
            shipped,
            id=CALL,
            opens_at=cut_off - 30 * DAY,
            cut_offs=(cut_off,),
            contingent_seconds=0,  # rounds of one mode give from one pool
        )
        self.rules = replace(self.story.rules, calls=(*self.story.rules.calls, self.call))

    @property
    def cut_off_at(self) -> datetime:
        """Return the instant by which both had to apply."""
        return self.call.cut_offs[0]

    def play(self) -> Lines:
        """Play the whole round."""
        yield from self.open()
        yield from self.apply()
        yield from self.invite()
        yield from self.review()
        yield from self.decide()

    def open(self) -> Lines:
        """Open the call, and let the experts say what their fields are."""
        calls.open_call(self._act(DAEMON, -30 * DAY), self.call.id, rules=self.rules)
        for part in EXPERTS:
            new = NewPerson(name=part.name, email=part.email, password=DEMO_PASSWORD)
            expert = people.register_person(
                self._act(DAEMON, -29 * DAY), new=new, roles=frozenset({part.role})
            )
            self.story.persons[part.key] = expert
            reviewers.save_profile(
                self._act(expert, -28 * DAY),
                keywords=part.answers["keywords"],  # type: ignore[arg-type]
                affiliation=str(part.answers["affiliation"]),
            )
        facts = {
            "hours": plain_hours(self.story.rules.get_call(SHIPPED_CALL).contingent_seconds),
            "cut_off": self.cut_off_at,
            "experts": len(EXPERTS),
        }
        yield Sentence(
            "Large Scale has {hours} node-h to give; a cut-off was {cut_off}. {experts} experts "
            "stand ready.",
            facts,
        )

    def apply(self) -> Lines:
        """Hand both applications in before the cut-off, and look whether they would run."""
        for part in APPLICANTS:
            person = self.story.persons[part.key]
            draft = applications.start_application(
                self._act(person, BEFORE),
                call_id=self.call.id,
                organisation_id=self.story.organisations[part.key].id,
            )
            applications.edit_application(
                self._act(person, BEFORE), draft.id, changes=LARGE_ANSWERS[part.key]
            )
            handed_in = applications.submit_application(
                self._act(person, BEFORE), draft.id, rules=self.rules
            )
            self.application_ids[part.key] = draft.id
            reviews.record_technical_assessment(
                self._act(self.story.persons["operator"], ASSESSED), draft.id, is_feasible=True
            )
            facts = {
                "who": part.organisation,
                "hours": plain_hours(handed_in.form.requested_seconds or 0),
                "title": handed_in.form.title,
            }
            yield Sentence("{who} asks for {hours} node-h: {title}.", facts)

    def invite(self) -> Lines:
        """Ask those who fit best and have no conflict; one of them declares one after all."""
        yield from self._invite_proposed(INVITED)
        declaring = self.story.persons[DECLARING]
        expert_reviews.declare_conflict(
            self._act(declaring, INVITED + HOUR), self.application_ids[START_UP.key]
        )
        self.asked.remove((START_UP.key, DECLARING))
        facts = {"who": declaring.name, "applicant": START_UP.organisation}
        yield Sentence("{who} declares a conflict with {applicant}, and is out.", facts)
        yield from self._invite_proposed(INVITED + 2 * HOUR)

    def _invite_proposed(self, after: timedelta) -> Lines:
        office = self.story.persons["officer"]
        keys = {application_id: key for key, application_id in self.application_ids.items()}
        experts = {self.story.persons[part.key].id: part.key for part in EXPERTS}
        is_first = not self.asked
        for each in panels.list_assignments(
            office, self.call.id, self.cut_off_at, now=self.cut_off_at + after
        ):
            facts: dict[str, object] = {"who": each.application.submitted.organisation.name}
            for choice in each.choices:
                person = choice.reviewer.person
                facts["name"] = person.name
                if choice.conflict is not None and is_first:
                    told = {**facts, "why": CONFLICT_WORDS[choice.conflict]}
                    yield Sentence("{name} is not asked about {who}: {why}", told)
                if choice.is_proposed:
                    panels.invite_reviewer(
                        self._act(office, after), each.application.id, reviewer_id=person.id
                    )
                    self.asked.append((keys[each.application.id], experts[person.id]))
                    yield _tell_invitation(facts, choice.fit.words)

    def review(self) -> Lines:
        """Let the experts write; nobody reads a score before all of an application are in."""
        for key, expert in self.asked:
            expert_reviews.answer_invitation(
                self._act(self.story.persons[expert], ANSWERED),
                self.application_ids[key],
                accepts=True,
            )
        written: dict[str, int] = {}
        for key, expert in self.asked:
            scores = SCORES[key][written.get(key, 0)]
            opinions = [
                Opinion(criterion_id=criterion, score=score, text=TEXT)
                for criterion, score in zip(CRITERIA, scores, strict=True)
            ]
            expert_reviews.submit_review(
                self._act(self.story.persons[expert], REVIEWED),
                self.application_ids[key],
                opinions=opinions,
            )
            written[key] = written.get(key, 0) + 1
            if len(written) == written[key] == 1:
                yield self._tell_blindness(key)
        applicant = self.story.persons[START_UP.key]
        rebuttals.answer_reviews(
            self._act(applicant, REPLIED), self.application_ids[START_UP.key], text=REBUTTAL
        )
        facts = {"count": len(self.asked), "who": START_UP.organisation}
        yield Sentence("All {count} reviews are in; {who} answers what the experts wrote.", facts)

    def _tell_blindness(self, key: str) -> Sentence:
        office = self.story.persons["officer"]
        read = expert_reviews.list_reviews(office, self.application_ids[key])
        assert not read, "reviews are blind until all are in"
        return Sentence("The first review is in; before the others are, nobody else reads it.")

    def decide(self) -> Lines:
        """Rank, close the panel, and give what there is: the second gets a part."""
        office = self.story.persons["officer"]
        at = self.cut_off_at + RANKED
        panel = panels.get_panel(office, self.call.id, self.cut_off_at, now=at)
        panels.close_panel(self._act(office, RANKED), self.call.id, self.cut_off_at)
        for standing in panel.standings:
            application = panel.applications[standing.application_id]
            award = awards.award_application(
                self._act(office, DECIDED),
                application.id,
                rules=self.rules,
                seconds=standing.proposed_seconds,
            )
            self.project_ids.append(award.project_id)
            facts = {
                "rank": standing.rank,
                "who": application.submitted.organisation.name,
                "points": f"{float(standing.total):g}",
                "hours": plain_hours(award.seconds),
                "asked": plain_hours(application.form.requested_seconds or 0),
            }
            yield Sentence(
                "Place {rank}: {who} with {points} points is awarded {hours} of {asked} node-h.",
                facts,
            )
        yield Sentence("Its letter: {text}", {"text": award.letter[0]})

    def _act(self, person: Person, after: timedelta) -> Deed:
        """Return a deed of a person so long after the cut-off."""
        return replace(self.story.act(person), now=self.cut_off_at + after)


def _tell_invitation(facts: dict[str, object], words: tuple[str, ...]) -> Sentence:
    if not words:
        return Sentence("{name} is asked about {who}, as nobody else is left.", dict(facts))
    told = {**facts, "words": ", ".join(words)}
    return Sentence("{name} is asked about {who}; both speak of: {words}.", told)
