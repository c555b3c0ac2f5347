"""A small factory in full work, built through the services that everybody uses."""

import time
from dataclasses import dataclass, replace
from datetime import timedelta

from allmende import wiring
from allmende.domain.access.messages import PATIENCE
from allmende.domain.access.organisations import Organisation, OrganisationKind
from allmende.domain.access.ownership import Firm, OwnershipGraph, YearFigures
from allmende.domain.access.projects import Project
from allmende.domain.basics.people import DAEMON, Person, Role
from allmende.domain.scheduling.jobs import Job, JobState
from allmende.domain.training.job_files import parse_job_file
from allmende.domain.trust.incidents import Impact, Report
from allmende.services import (
    appeals,
    applications,
    awards,
    calls,
    cycle,
    incidents,
    jobs,
    mail,
    models,
    onboarding,
    organisations,
    people,
    projects,
    promises,
    reports,
    reviews,
    runs,
)
from allmende.services.deeds import Deed
from allmende.wiring.access_rules import load_access_rules
from allmende.wiring.factory import load_factory
from tests.web.rounds import Round, build_round

PASSWORD = "a long enough passphrase"
PARTITION = "werkbank"
CALL, SCIENCE_CALL = "werkbank-playground-2026", "werkbank-science-2026"
BRIDGE_CALL = "werkbank-bridge-2026"  # free time of the national share: State aid
ADMINISTRATOR = Person(id="p-setup", name="Set-up", roles=frozenset({Role.ADMINISTRATOR}))
CENTS = 100
PATIENCE_SECONDS = 120

# A stand-in for a training: it keeps the same contract as a blueprint, in a second.
TRAINING = """
tell() {
  printf '{"t": %s, "step": %s, "total": 100, "metrics": {"loss": 0.%s, "accuracy": 0.%s}}\\n' \\
    "$(date +%s.%N)" "$1" "$2" "$3" >> "$ALLMENDE_PROGRESS"
  echo "step $1 of 100"
}
for step in 10 20 30 40 50 60 70 80; do tell $step $((900 / step)) $step; sleep 0.05; done
"""
LAST_WORDS = "step 80 of 100\n"
FINISH = """
tell 100 08 97
cat > "$ALLMENDE_OUT/metrics.json" <<END
{"model": {"auroc": {"value": 0.97, "low": 0.95, "high": 0.99}},
 "baseline": {"auroc": {"value": 0.93, "low": 0.9, "high": 0.96}}}
END
echo weights > "$ALLMENDE_OUT/model.txt"
"""


@dataclass
class World:
    """Who and what there is."""

    officer: Person
    operator: Person
    auditor: Person
    administrator: Person
    founder: Person
    researcher: Person
    newcomer: Person
    company: Organisation
    project: Project
    application_id: str  # awarded
    draft_id: str
    waiting_id: str  # for the technical check
    assessed_id: str
    refused_id: str
    appealed_id: str  # refused too, with an appeal that waits
    ended_id: str  # a project whose report waits for the office
    starting_id: str  # a project in onboarding
    round: Round  # with peer review
    done_job: Job
    running_job: Job
    pending_job: Job
    sweep_id: str  # of the running job
    model_id: str
    incident_id: str  # which lasts
    usage_number: str = ""  # of a run that a node took with it, where a cluster is shown
    reconciliation: str = ""


def deed_of(person: Person) -> Deed:
    return wiring.deed_of(person)


def register(name: str, *roles: Role) -> Person:
    email = name.split()[0].lower() + "@example.org"
    new = people.NewPerson(name=name, email=email, password=PASSWORD)
    return people.register_person(deed_of(ADMINISTRATOR), new=new, roles=frozenset(roles))


def found(person: Person, name: str, kind: OrganisationKind) -> Organisation:
    organisation = organisations.register_organisation(
        deed_of(person), name=name, kind=kind, country="DE"
    )
    if kind is OrganisationKind.ENTERPRISE:
        year = YearFigures(
            year=2025,
            headcount_hundredths=1_800,
            turnover_cents=2_400_000 * CENTS,
            balance_sheet_cents=1_100_000 * CENTS,
        )
        firm = Firm(id=organisation.id, name=name, years=(year, replace(year, year=2024)))
        owner = people.get_person(person.id)
        organisation = organisations.update_figures(
            deed_of(owner),
            organisation.id,
            ownership=OwnershipGraph(firms=(firm,)),
            rules=load_access_rules(),
        )
    return organisation


def answers(title: str, person: Person, *, hours: str = "4", months: int = 3) -> dict[str, object]:
    return {
        "title": title,
        "summary": "A classifier that reads slides of tissue and says how sure it is of them.",
        "purpose": "private_innovation",
        "is_civilian": "yes",
        "principal_investigator": person.name,
        "principal_investigator_email": person.email,
        "contract_months_after_end": "12",
        "requested_hours": hours,
        "unit": "node_seconds",
        "duration_months": str(months),
        "experience": "new",
        "data_class": "public",
        "has_personal_data": "no",
        "is_prohibited_practice": "no",
        "aid_received_cents": "0",
        "declares_correct": "yes",
        "accepts_terms": "yes",
    }


def hand_in(person: Person, organisation_id: str, title: str, **extra: object) -> str:
    call = str(extra.pop("call", CALL))
    draft = applications.start_application(
        deed_of(person), call_id=call, organisation_id=organisation_id
    )
    given = {**answers(title, person), **extra}
    applications.edit_application(deed_of(person), draft.id, changes=given)
    applications.submit_application(deed_of(person), draft.id, rules=load_access_rules())
    return draft.id


def award(officer: Person, operator: Person, application_id: str) -> str:
    reviews.record_technical_assessment(deed_of(operator), application_id, is_feasible=True)
    granted = awards.award_application(deed_of(officer), application_id, rules=load_access_rules())
    return granted.project_id


def submit(person: Person, project_id: str, name: str, script: str, **keys: object) -> Job:
    file: dict[str, object] = {"name": name, "run": script, "max_duration": "2m", **keys}
    file |= {"resources": {"memory": "256M"}, "data_class": "public"}
    return jobs.submit_job(
        deed_of(person),
        parse_job_file(file),
        project_id=project_id,
        client_key=wiring.new_id("k"),
        workshop=wiring.workshop(),
    )[0]


def beat() -> None:
    cycle.run_cycle(deed_of(DAEMON), PARTITION, workshop=wiring.workshop())


def beat_until(person: Person, job_id: str, *states: JobState) -> Job:
    """Let the heart beat until the job is in one of the states."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        beat()
        job = jobs.get_job(person, job_id).job
        if job.state in states:
            return job
        assert time.monotonic() < give_up_at, f"{job_id} is still {job.state}"
        time.sleep(0.05)


def begin_long(person: Person, project_id: str) -> Job:
    """Begin a sweep that outlives the building of the world, and let its first job say all.

    While it says more, no page of it stays as it was.
    """
    file = {"sweep": {"rate": [0.1, 0.00001]}, "max_duration": "5m"}
    job = submit(person, project_id, "tissue-large", TRAINING + "sleep 280", **file)
    beat_until(person, job.id, JobState.RUNNING)
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    backend_of = wiring.workshop().backend_of
    while LAST_WORDS not in runs.read_job_log(person, job.id, backend_of=backend_of).text:
        assert time.monotonic() < give_up_at, f"{job.id} does not come to its end"
        time.sleep(0.05)
    return job


def refuse_two(
    officer: Person,
    operator: Person,
    researcher: Person,
    organisation_id: str,
    answers: dict[str, object],
) -> tuple[str, str]:
    """Refuse two applications; the applicant appeals against the second refusal."""
    made = []
    for title in ("Sterne zählen", "Moleküle ordnen"):
        application_id = hand_in(researcher, organisation_id, title, **answers)
        reviews.record_technical_assessment(deed_of(operator), application_id, is_feasible=True)
        why = "Die Daten liegen noch nicht vor."
        awards.refuse_application(deed_of(officer), application_id, why=why)
        made.append(application_id)
    refused_id, appealed_id = made
    reason = "Die Daten liegen seit dem 1. November im Archiv der Universität; siehe Anhang B."
    appeals.file_appeal(deed_of(researcher), appealed_id, reason=reason, rules=load_access_rules())
    return refused_id, appealed_id


def end_one(officer: Person, operator: Person) -> str:
    """End the project of a third tenant, who hands its report in."""
    member = register("Berta Brückner", Role.APPLICANT)
    workshop = found(member, "Brückner Robotik GmbH", OrganisationKind.ENTERPRISE)
    member = people.get_person(member.id)
    gripping = hand_in(member, workshop.id, "Sicher greifen", call=BRIDGE_CALL)
    project_id = award(officer, operator, gripping)
    projects.end_project(deed_of(officer), project_id, rules=load_access_rules())
    reports.write_report(
        deed_of(member),
        project_id,
        results="Der Greifer erkennt Glas in 97 von 100 Fällen. Für Folien fehlten Daten.",
        publications="https://doi.org/10.5281/zenodo.1234567",
        feedback="Die Wartezeiten waren kurz; ein Beispiel für lange Läufe fehlte.",
    )
    reports.hand_in_report(deed_of(member), project_id, rules=load_access_rules())
    return project_id


def begin_one(officer: Person, operator: Person) -> str:
    """Award a project of a fourth tenant, which is not set up yet."""
    rules = load_access_rules()
    asking = replace(rules.get_call(BRIDGE_CALL), id="werkbank-onboarding", needs_onboarding=True)
    calls.open_call(deed_of(officer), asking.id, rules=replace(rules, calls=(asking,)))
    member = register("Carla Neustart", Role.APPLICANT)
    mill = found(member, "Neustart Mühlen GmbH", OrganisationKind.ENTERPRISE)
    member = people.get_person(member.id)
    project_id = award(
        officer, operator, hand_in(member, mill.id, "Mehl beurteilen", call=asking.id)
    )
    onboarding.tick_step(deed_of(member), project_id, "terms", rules=rules)
    return project_id


def do_chores() -> None:
    """Judge the promises, and send some of what waits; one message the server never takes."""
    promises.evaluate_promises(
        deed_of(DAEMON), factory=wiring.workshop().factory, rules=load_access_rules()
    )
    refused = mail.take_next(deed_of(DAEMON), rules=load_access_rules())
    assert refused is not None, "somebody was told something"
    later = replace(deed_of(DAEMON), now=wiring.now() + PATIENCE)
    mail.record_failure(later, refused.message.id, error="550 5.1.1 User unknown")
    mail.deliver(lambda: deed_of(DAEMON), send=lambda _: None, limit=8, rules=load_access_rules())


def register_experts() -> list[Person]:
    return [register(name, Role.REVIEWER) for name in ("Xenia Klug", "Yvo Kenner", "Zita Nah")]


def build_world(*, waiting_jobs: int = 6) -> World:
    """Build everything once; `stop_world` ends what runs."""
    officer = register("Olga Amtmann", Role.PROGRAMME_OFFICER)
    operator = register("Theo Betrieb", Role.OPERATOR)
    auditor = register("Aishe Prüfer", Role.AUDITOR)
    administrator = register("Ada Verwalter", Role.ADMINISTRATOR)
    founder = register("Mina Grünberg", Role.APPLICANT)
    researcher = register("Rolf Forscher", Role.APPLICANT)
    newcomer = register("Nina Neuling", Role.APPLICANT)
    for call in (CALL, SCIENCE_CALL, BRIDGE_CALL):
        calls.open_call(deed_of(officer), call, rules=load_access_rules())
    company = found(founder, "Grünberg Diagnostik GmbH", OrganisationKind.ENTERPRISE)
    university = found(researcher, "Universität Musterstadt", OrganisationKind.UNIVERSITY)
    founder, researcher = people.get_person(founder.id), people.get_person(researcher.id)

    application_id = hand_in(founder, company.id, "Gewebe sicher lesen")
    project_id = award(officer, operator, application_id)
    draft = applications.start_application(
        deed_of(founder), call_id=CALL, organisation_id=company.id
    )
    science = {"call": SCIENCE_CALL, "purpose": "research", "duration_months": "6"}
    waiting_id = hand_in(researcher, university.id, "Wolken besser vorhersagen", **science)
    assessed_id = hand_in(researcher, university.id, "Proteine falten", **science)
    reviews.record_technical_assessment(deed_of(operator), assessed_id, is_feasible=True)

    refused_id, appealed_id = refuse_two(officer, operator, researcher, university.id, science)
    register("Otto Kollege", Role.PROGRAMME_OFFICER)

    ended_id = end_one(officer, operator)
    done = submit(founder, project_id, "tissue-classifier", TRAINING + FINISH)
    done = beat_until(founder, done.id, JobState.COMPLETED, JobState.FAILED)
    beat()
    pending = running = begin_long(founder, project_id)
    for number in range(waiting_jobs):
        pending = submit(founder, project_id, f"tissue-variant-{number + 1}", "sleep 90")
    beat()  # starts them
    beat()  # and sees that they run
    do_chores()
    model = models.find_model_of_job(founder, done.id)
    assert model is not None, "the training left a model"
    return World(
        officer=officer,
        operator=operator,
        auditor=auditor,
        administrator=administrator,
        founder=founder,
        researcher=researcher,
        newcomer=newcomer,
        company=company,
        project=projects.get_project(founder, project_id),
        application_id=application_id,
        draft_id=draft.id,
        waiting_id=waiting_id,
        assessed_id=assessed_id,
        refused_id=refused_id,
        appealed_id=appealed_id,
        ended_id=ended_id,
        starting_id=begin_one(officer, operator),
        round=build_round(officer, operator, researcher, university.id, register_experts()),
        done_job=jobs.get_job(founder, done.id).job,
        running_job=jobs.get_job(founder, running.id).job,
        pending_job=jobs.get_job(founder, pending.id).job,
        sweep_id=running.sweep_id,
        model_id=model.id,
        incident_id=note_incidents(operator),
    )


def note_incidents(operator: Person) -> str:
    """Note one incident that is over, and one that lasts, twice amended."""
    factory, now = load_factory(), wiring.now()

    def say(words: str, **of: object) -> Report:
        return Report(
            **{
                "site_id": "werkstatt",
                "partition_id": PARTITION,
                "impact": Impact.DEGRADED,
                "began_at": now - timedelta(hours=3),
                "words": words,
                **of,
            }
        )

    old = say("Zwei Knoten waren überhitzt.", ended_at=now - timedelta(hours=2), note="Filter 2b.")
    incidents.report_incident(deed_of(operator), old, factory=factory)
    lasts = {"partition_id": "", "impact": Impact.DOWN, "began_at": now - timedelta(minutes=40)}
    first = say("Die Kühlung ist ausgefallen; nichts startet.", **lasts)
    opened = incidents.report_incident(deed_of(operator), first, factory=factory)
    lasts["impact"] = Impact.DEGRADED
    newer = say("Die Kühlung läuft wieder, die Hälfte der Knoten ist da.", **lasts)
    incidents.amend_incident(deed_of(operator), opened.id, newer, factory=factory)
    return opened.id


def ids_of(world: World) -> dict[str, str]:
    """Return the id of everything, as addresses have it."""
    own = {name: each for name, each in vars(world).items() if name != "round"}
    return {name: getattr(each, "id", each) for name, each in own.items()} | vars(world.round)


def stop_world(world: World) -> None:
    """Cancel what still runs, and settle it."""
    for _ in range(60):
        alive = [
            job
            for job in jobs.list_jobs(world.founder, limit=100)
            if job.state in (JobState.PENDING, JobState.RUNNING)
        ]
        if not alive:
            return
        for job in alive:
            jobs.cancel_job(deed_of(world.founder), job.id)
        beat()
        time.sleep(0.1)
