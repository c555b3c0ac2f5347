"""The story of the demo, told through the same services as the portal, the API and the commands."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from allmende.domain.access.awards import Award
from allmende.domain.access.calls import AccessRules
from allmende.domain.access.organisations import Organisation
from allmende.domain.access.ownership import Firm, Holding, OwnershipGraph, YearFigures
from allmende.domain.access.verdicts import Verdict
from allmende.domain.basics.people import DAEMON, Person
from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.units import plain_hours
from allmende.domain.scheduling.jobs import Job
from allmende.domain.training.job_files import parse_job_file
from allmende.services import (
    applications,
    awards,
    calls,
    organisations,
    people,
    reviews,
    submissions,
)
from allmende.services.cast import (
    APPLICANTS,
    CORPORATION,
    DEMO_PASSWORD,
    EVERYBODY,
    FOUNDER,
    RESEARCHER,
    START_UP,
    Figures,
    Part,
)
from allmende.services.deeds import Deed
from allmende.services.people import NewPerson
from allmende.services.workshop import Workshop

Lines = Iterator[Sentence]
PERCENT = 100  # basis points in one per cent
CENTS = 100
HUNDREDTHS = 100


@dataclass
class Story:
    """What happened so far. Each stage yields a sentence for everything that it does."""

    act: Callable[[Person], Deed]
    workshop: Workshop
    rules: AccessRules
    persons: dict[str, Person] = field(default_factory=dict)
    organisations: dict[str, Organisation] = field(default_factory=dict)
    applications: dict[str, str] = field(default_factory=dict)
    projects: dict[str, str] = field(default_factory=dict)
    jobs: list[Job] = field(default_factory=list)

    def open_factory(self) -> Lines:
        """Open the calls; each fills its pool in the ledger."""
        for site in self.workshop.factory.sites:
            for partition in site.partitions:
                facts = {
                    "site": site.name,
                    "partition": partition.name,
                    "nodes": partition.nodes or Sentence("an unpublished number of"),
                    "status": partition.status.value,
                }
                yield Sentence("{site}: {partition}, {nodes} nodes ({status})", facts)
        for call in self.rules.calls:
            calls.open_call(self.act(DAEMON), call.id, rules=self.rules)
            facts = {
                "call": call.id,
                "hours": plain_hours(call.contingent_seconds),
                "unit": call.unit.hours_name,
            }
            yield Sentence("The call {call} is open, with {hours} {unit}.", facts)

    def gather_people(self) -> Lines:
        """Register everybody, with logins."""
        for part in EVERYBODY:
            self.persons[part.key] = people.register_person(
                self.act(DAEMON),
                new=NewPerson(name=part.name, email=part.email, password=DEMO_PASSWORD),
                roles=frozenset({part.role}),
            )
            if part.organisation:
                self._found_organisation(part)
        count = {"people": len(EVERYBODY), "organisations": len(APPLICANTS)}
        yield Sentence("{people} people and {organisations} organisations are here.", count)

    def check_eligibility(self) -> Lines:
        """Let every applicant know at once whether, as what, and why."""
        for part in APPLICANTS:
            person = self._start_application(part)
            application = applications.get_application(person, self.applications[part.key])
            result = applications.decide(
                application,
                self.rules.get_call(part.call_id),
                self.organisations[part.key],
                rules=self.rules,
                deed=self.act(person),
            )
            assert result.verdict is Verdict.ELIGIBLE, f"{part.key} is cast to be eligible"
            if result.size is not None:
                size = {"who": part.organisation, "why": result.size.reason}
                yield Sentence("{who}: {why}", size)
            facts = {
                "who": part.organisation,
                "why": result.first_reason.sentence,
                "article": result.first_reason.article,
            }
            yield Sentence("{who} may apply. {why} [{article}]", facts)

    def apply(self) -> Lines:
        """Hand every application in; from then on nothing in it changes."""
        for part in APPLICANTS:
            person = self.persons[part.key]
            application = applications.submit_application(
                self.act(person), self.applications[part.key], rules=self.rules
            )
            facts = {
                "who": part.organisation,
                "application": application.id,
                "due": application.due_at,
            }
            yield Sentence("{who} handed in {application}, to be decided before {due}.", facts)

    def award(self) -> Lines:
        """Check that each project will run, and give it its time out of the pool."""
        officer, operator = self.persons["officer"], self.persons["operator"]
        for part in APPLICANTS:
            application_id = self.applications[part.key]
            reviews.record_technical_assessment(
                self.act(operator),
                application_id,
                is_feasible=True,
                notes="Blueprint, one node a job, checkpoints: it will run on the Werkbank.",
            )
            award = awards.award_application(self.act(officer), application_id, rules=self.rules)
            self.projects[part.key] = award.project_id
            yield self._tell_award(part, award)

    def submit_jobs(self) -> Lines:
        """Let those with longer work come first, so that the partition is full; then the SMEs."""
        waves = (
            (CORPORATION, "stress test", {"hidden_units": 96, "steps": 10_000}, 3),
            (RESEARCHER, "calibration", {"steps": 6_000}, 5),
        )
        for part, name, params, count in waves:
            yield self._submit(part, name, params, sweep={"seed": list(range(1, count + 1))})

    def submit_sme_jobs(self) -> Lines:
        """Let the SMEs submit into the full partition: now their guarantee has to hold."""
        yield self._submit(
            FOUNDER,
            "four settings",
            {"steps": 5_000},
            sweep={"hidden_units": [16, 32], "learning_rate": [0.001, 0.003]},
        )
        yield self._submit(
            START_UP, "how small", {"steps": 3_000}, sweep={"hidden_units": [2, 4, 8]}
        )

    def _found_organisation(self, part: Part) -> None:
        organisation = organisations.register_organisation(
            self.act(self.persons[part.key]),
            name=part.organisation,
            kind=part.kind,
            country="DE",
            is_start_up=part.is_start_up,
        )
        person = people.get_person(self.persons[part.key].id)
        self.persons[part.key] = person
        if part.figures is not None:
            organisation = organisations.update_figures(
                self.act(person),
                organisation.id,
                ownership=_ownership(organisation, part, part.figures),
                rules=self.rules,
            )
        self.organisations[part.key] = organisation

    def _start_application(self, part: Part) -> Person:
        person = self.persons[part.key]
        application = applications.start_application(
            self.act(person),
            call_id=part.call_id,
            organisation_id=self.organisations[part.key].id,
        )
        applications.edit_application(self.act(person), application.id, changes=part.answers)
        self.applications[part.key] = application.id
        return person

    def _tell_award(self, part: Part, award: Award) -> Sentence:
        hours = plain_hours(award.seconds)
        facts = {
            "who": part.organisation,
            "hours": f"{hours} {award.unit.hours_name}",
            "project": award.project_id,
            "price": award.price.value.replace("_", " "),
        }
        return Sentence("{who} is awarded {hours} ({price}); project {project}.", facts)

    def _submit(
        self, part: Part, name: str, params: dict[str, int], *, sweep: dict[str, list[float]]
    ) -> Sentence:
        file = {
            "name": name,
            "blueprint": "medicine",
            "params": params,
            "sweep": sweep,
            "max_duration": "4m",
            "checkpoint": {"every": "1s"},
            "data_class": "public",
            "record": {"purpose": part.answers["title"]},
        }
        submitted = submissions.submit_job(
            self.act(self.persons[part.key]),
            parse_job_file(file),
            project_id=self.projects[part.key],
            client_key=f"demo {name}",
            workshop=self.workshop,
        )
        self.jobs += submitted
        facts = {"who": part.organisation, "count": len(submitted), "name": name}
        return Sentence("{who} submits {count} jobs: {name}.", facts)


def _ownership(organisation: Organisation, part: Part, figures: Figures) -> OwnershipGraph:
    years = tuple(
        YearFigures(
            year=year,
            headcount_hundredths=figures.headcounts[place] * HUNDREDTHS,
            turnover_cents=figures.turnovers_euros[place] * CENTS,
            balance_sheet_cents=figures.balance_sheets_euros[place] * CENTS,
        )
        for place, year in enumerate(figures.years)
    )
    itself = Firm(id=organisation.id, name=organisation.name, years=years)
    owners = [
        Firm(
            id=f"owner-{number}",
            name=owner.name,
            kind=owner.kind,
            is_in_same_market=False,
        )
        for number, owner in enumerate(part.owners)
    ]
    holdings = tuple(
        Holding(
            owner_id=f"owner-{number}",
            owned_id=organisation.id,
            capital_basis_points=owner.percent * PERCENT,
        )
        for number, owner in enumerate(part.owners)
    )
    return OwnershipGraph(firms=(itself, *owners), holdings=holdings)
