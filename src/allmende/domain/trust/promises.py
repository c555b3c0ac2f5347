"""A promise is made to somebody, has a target, and is judged by evidence alone."""

from collections.abc import Callable
from dataclasses import dataclass

from allmende.domain.basics.refusals import NotFound
from allmende.domain.basics.sentences import Sentence
from allmende.domain.trust import evaluations
from allmende.domain.trust.facts import Evidence, Targets
from allmende.domain.trust.verdicts import (
    Measurement,
    PromiseResult,
    choose_rows,
    judge,
)


@dataclass(frozen=True, kw_only=True)
class Promise:
    """What was promised, to whom, according to what, and how it is judged."""

    id: str
    title: Sentence
    promised_to: Sentence
    source: Sentence
    target: Callable[[Targets], Sentence]
    evaluate: Callable[[Evidence], Measurement]


def _always(sentence: Sentence) -> Callable[[Targets], Sentence]:
    return lambda _: sentence


def _sme_share_target(targets: Targets) -> Sentence:
    return Sentence(
        "at least {percent} % of all node time while they ask for it",
        {"percent": f"{float(100 * targets.sme_share):g}"},
    )


def _renewable_target(targets: Targets) -> Sentence:
    return Sentence(
        "at least {percent} % of the site's electricity",
        {"percent": f"{float(100 * targets.renewable_share):g}"},
    )


def _heat_target(targets: Targets) -> Sentence:
    return Sentence(
        "at least {percent} % of all energy is used again as heat",
        {"percent": f"{float(100 * targets.heat_used_share):g}"},
    )


def _countries_target(targets: Targets) -> Sentence:
    return Sentence(
        "only in {countries}; personal and health data only in the EEA",
        {"countries": ", ".join(sorted(targets.countries))},
    )


SMES = Sentence("SMEs and start-ups")
APPLICANTS = Sentence("everybody who applies")
CUSTOMERS = Sentence("everybody who computes here")
THE_PUBLIC = Sentence("the public")
OWN_PROMISE = Sentence("the factory's own promise")

PROMISES: tuple[Promise, ...] = (
    Promise(
        id="sme-guarantee",
        title=Sentence("SMEs never fall further behind their guarantee than proven"),
        promised_to=SMES,
        source=OWN_PROMISE,
        target=_always(Sentence("lag within the proven bound in every recorded cycle")),
        evaluate=evaluations.judge_guarantee,
    ),
    Promise(
        id="sme-share",
        title=Sentence("SMEs get their reserved part of the machine"),
        promised_to=SMES,
        source=Sentence("the factory's own promise: 20 to 25 % for SMEs"),
        target=_sme_share_target,
        evaluate=evaluations.judge_sme_share,
    ),
    Promise(
        id="free-for-smes",
        title=Sentence("Time of the Union share costs SMEs nothing"),
        promised_to=SMES,
        source=Sentence("Regulation (EU) 2021/1173, Art. 17(6)"),
        target=_always(Sentence("0 euros for every award")),
        evaluate=evaluations.judge_price,
    ),
    Promise(
        id="decisions-in-time",
        title=Sentence("Every application is decided in time"),
        promised_to=APPLICANTS,
        source=Sentence("AI Factories access modes: 2, 4 or 10 working days"),
        target=_always(Sentence("every decision before its due time")),
        evaluate=evaluations.judge_decisions,
    ),
    Promise(
        id="one-reason",
        title=Sentence("Every waiting job has exactly one reason"),
        promised_to=CUSTOMERS,
        source=OWN_PROMISE,
        target=_always(Sentence("one answer for every waiting job in every cycle")),
        evaluate=evaluations.judge_reasons,
    ),
    Promise(
        id="plans-replay",
        title=Sentence("Every decision of the scheduler can be recomputed"),
        promised_to=THE_PUBLIC,
        source=OWN_PROMISE,
        target=_always(Sentence("every recorded plan comes out again, identical")),
        evaluate=evaluations.judge_replays,
    ),
    Promise(
        id="ledger-balances",
        title=Sentence("The ledger balances, and nobody overdraws"),
        promised_to=THE_PUBLIC,
        source=OWN_PROMISE,
        target=_always(Sentence("no finding when everything is recomputed")),
        evaluate=evaluations.judge_ledger,
    ),
    Promise(
        id="metered-once",
        title=Sentence("Every second of computing is booked once"),
        promised_to=CUSTOMERS,
        source=OWN_PROMISE,
        target=_always(Sentence("what attempts used is what the ledger consumed, to the second")),
        evaluate=evaluations.judge_metering,
    ),
    Promise(
        id="faults-refunded",
        title=Sentence("Time lost through the site's fault is given back"),
        promised_to=CUSTOMERS,
        source=OWN_PROMISE,
        target=_always(Sentence("all of it, and nothing else")),
        evaluate=evaluations.judge_refunds,
    ),
    Promise(
        id="data-residency",
        title=Sentence("Data stay where they may be"),
        promised_to=CUSTOMERS,
        source=Sentence("Regulation (EU) 2016/679, Art. 44"),
        target=_countries_target,
        evaluate=evaluations.judge_residency,
    ),
    Promise(
        id="energy-stated",
        title=Sentence("The energy of every attempt is stated, with its method"),
        promised_to=CUSTOMERS,
        source=Sentence("EnEfG § 15"),
        target=_always(Sentence("every attempt, with method and scope")),
        evaluate=evaluations.judge_energy,
    ),
    Promise(
        id="documents-left",
        title=Sentence("Every finished training leaves a model, a card and a record"),
        promised_to=CUSTOMERS,
        source=Sentence("Regulation (EU) 2024/1689, Annex XI"),
        target=_always(Sentence("all three for every finished training")),
        evaluate=evaluations.judge_documents,
    ),
    Promise(
        id="audit-unbroken",
        title=Sentence("Nobody has touched the record of what was done"),
        promised_to=THE_PUBLIC,
        source=OWN_PROMISE,
        target=_always(Sentence("an unbroken chain of events")),
        evaluate=evaluations.judge_chain,
    ),
    Promise(
        id="renewable-power",
        title=Sentence("The power is renewable"),
        promised_to=THE_PUBLIC,
        source=Sentence("the factory's own promise, ahead of EnEfG § 11(5)"),
        target=_renewable_target,
        evaluate=lambda evidence: evaluations.judge_site_figure(
            evidence, "renewable", evidence.targets.renewable_share
        ),
    ),
    Promise(
        id="heat-used",
        title=Sentence("Waste heat is used"),
        promised_to=THE_PUBLIC,
        source=Sentence("the factory's own promise, after EnEfG § 11(2)"),
        target=_heat_target,
        evaluate=lambda evidence: evaluations.judge_site_figure(
            evidence, "heat_used", evidence.targets.heat_used_share
        ),
    ),
)


def get_promise(promise_id: str) -> Promise:
    """Return a promise by its id."""
    for promise in PROMISES:
        if promise.id == promise_id:
            return promise
    raise NotFound(kind="promise", id=promise_id)


def evaluate_promise(promise: Promise, evidence: Evidence) -> PromiseResult:
    """Judge one promise by the evidence."""
    measurement = promise.evaluate(evidence)
    return PromiseResult(
        promise_id=promise.id,
        title=promise.title,
        promised_to=promise.promised_to,
        source=promise.source,
        target=promise.target(evidence.targets),
        value=measurement.value,
        verdict=judge(measurement.rows),
        checked=len(measurement.rows),
        broken=sum(not row.is_kept for row in measurement.rows),
        rows=choose_rows(measurement.rows),
        figures=measurement.figures,
        evaluated_at=evidence.at,
    )


def evaluate_promises(evidence: Evidence) -> tuple[PromiseResult, ...]:
    """Judge every promise, in the order in which they are shown."""
    return tuple(evaluate_promise(promise, evidence) for promise in PROMISES)
