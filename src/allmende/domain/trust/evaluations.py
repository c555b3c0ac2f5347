"""How each promise is judged: pure functions from evidence to a measurement."""

from collections import Counter
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import groupby, pairwise
from typing import TypeVar

from allmende.domain.basics.data_classes import DataClass
from allmende.domain.basics.sentences import Sentence
from allmende.domain.footprint.energy import EnergyMethod
from allmende.domain.trust.facts import AttemptFact, CycleFact, Evidence, GroupFact
from allmende.domain.trust.residency import may_be_in
from allmende.domain.trust.verdicts import EvidenceRow, Measurement

NOTHING_YET = Sentence("Nothing to judge yet.")
Value = TypeVar("Value")


def judge_guarantee(evidence: Evidence) -> Measurement:
    """Compare the worst lag of the SMEs, over every recorded cycle, with its proven bound."""
    rows, worst = [], Fraction(0)
    for partition_id, cycles in _by_partition(evidence.cycles):
        standings = [(cycle.number, group) for cycle, group in _of_smes(evidence, cycles)]
        if not standings:
            continue
        number, group = max(standings, key=lambda item: (_relative_lag(item[1]), -item[0]))
        worst = max(worst, _relative_lag(group))
        says = Sentence(
            "worst lag {lag} of at most {bound} node seconds, in cycle {number} of {cycles}",
            {
                "lag": _rounded(group.lag_node_seconds),
                "bound": _rounded(group.bound_node_seconds),
                "number": number,
                "cycles": len(standings),
            },
        )
        is_kept = group.lag_node_seconds <= group.bound_node_seconds
        rows.append(_row(f"partition {partition_id}", says, is_kept=is_kept))
    value = Sentence("{percent} % of the bound at worst", {"percent": _percent(worst)})
    return _measured(value, rows, worst_lag_percent_of_bound=_percent(worst))


def judge_sme_share(evidence: Evidence) -> Measurement:
    """Compare the SMEs' part of the node time with the target, while they asked for that much.

    While their demand is at least what they are guaranteed they must get the promised part of all
    node time. The guarantee may be behind by its bound, so a window that is too short to tell,
    and in which they got less, says nothing yet.
    """
    rows, delivered_all, capacity_all = [], Fraction(0), Fraction(0)
    for partition_id, cycles in _by_partition(evidence.cycles):
        delivered, capacity, is_long_enough = _delivered_to_smes(evidence, cycles)
        if not capacity:
            continue
        share = delivered / capacity
        if share < evidence.targets.sme_share and not is_long_enough:
            continue
        delivered_all, capacity_all = delivered_all + delivered, capacity_all + capacity
        says = Sentence(
            "{delivered} of {capacity} node seconds while SMEs had enough work waiting",
            {"delivered": _rounded(delivered), "capacity": _rounded(capacity)},
        )
        is_kept = share >= evidence.targets.sme_share
        rows.append(_row(f"partition {partition_id}", says, is_kept=is_kept))
    if not rows:
        return Measurement(
            value=Sentence("SMEs have not yet asked for enough, for long enough, to tell.")
        )
    percent = _percent(delivered_all / capacity_all)
    value = Sentence("{percent} % while they asked for it", {"percent": percent})
    return _measured(value, rows, share_percent=percent)


def judge_decisions(evidence: Evidence) -> Measurement:
    """Compare every decision, and every one still open, with its due time."""
    rows = []
    for application in evidence.applications:
        # The due time is the first instant at which a decision is late.
        is_kept = (application.decided_at or evidence.at) < application.due_at
        says = Sentence(
            "due {due}, decided {decided}",
            {
                "due": _minute(application.due_at),
                "decided": _minute(application.decided_at)
                if application.decided_at
                else Sentence("not yet"),
            },
        )
        rows.append(_row(f"application {application.id}", says, is_kept=is_kept))
    value = Sentence("{kept} of {all} in time", _counts(rows))
    return _measured(value, rows)


def judge_reasons(evidence: Evidence) -> Measurement:
    """Hold that every cycle answered every pending job exactly once."""
    rows = []
    for cycle in evidence.cycles:
        answers, asked = Counter(cycle.answered_ids), Counter(cycle.pending_ids)
        says = Sentence(
            "{asked} jobs waited, {answered} answers",
            {"asked": asked.total(), "answered": answers.total()},
        )
        rows.append(_row(f"cycle {cycle.number}", says, is_kept=answers == asked))
    value = Sentence("{kept} of {all} cycles answered every job once", _counts(rows))
    return _measured(value, rows, answers=sum(len(cycle.answered_ids) for cycle in evidence.cycles))


def judge_replays(evidence: Evidence) -> Measurement:
    """Hold that every recorded plan comes out again, identical, from its recorded snapshot."""
    rows = [
        _row(
            f"cycle {cycle.number}",
            Sentence("the recorded plan comes out again")
            if cycle.replays
            else Sentence("the recorded snapshot gives another plan"),
            is_kept=cycle.replays,
        )
        for cycle in evidence.cycles
    ]
    return _measured(Sentence("{kept} of {all} plans recomputed", _counts(rows)), rows)


def judge_ledger(evidence: Evidence) -> Measurement:
    """Hold that the ledger balances and that every account is within its policy."""
    rows = [_row(f"ledger {f.place}", f.problem, is_kept=False) for f in evidence.ledger_findings]
    if evidence.accounts:
        says = Sentence("{accounts} accounts recomputed", {"accounts": len(evidence.accounts)})
        rows.append(_row("ledger", says, is_kept=not evidence.ledger_findings))
    value = Sentence(
        "{accounts} accounts, {findings} findings",
        {"accounts": len(evidence.accounts), "findings": len(evidence.ledger_findings)},
    )
    return _measured(value, rows)


def judge_metering(evidence: Evidence) -> Measurement:
    """Hold that what attempts used and what the ledger consumed agree, account by account."""
    used: Counter[str] = Counter()
    for attempt in evidence.attempts:
        if attempt.is_settled:
            used[_consumed_account(attempt)] += attempt.used_seconds
    consumed = [account for account in evidence.accounts if account.kind == "consumed"]
    booked = {account.id: account.balance_seconds for account in consumed}
    by_place = {(account.owner_id, account.partition_id): account.id for account in consumed}
    for usage in evidence.usages:
        place = (usage.project_id, usage.partition_id)
        used[by_place.get(place, "/".join(place))] += usage.charged_seconds
    rows = [
        _row(
            f"account {account_id}",
            Sentence(
                "attempts used {used} s, the ledger consumed {booked} s",
                {"used": used[account_id], "booked": booked.get(account_id, 0)},
            ),
            is_kept=used[account_id] == booked.get(account_id, 0),
        )
        for account_id in sorted(used.keys() | booked.keys())
    ]
    rows += [
        _row(
            f"attempt {attempt.key}",
            Sentence(
                "{metered} s by the clock, {used} s charged",
                {"metered": attempt.metered_seconds, "used": attempt.used_seconds},
            ),
            is_kept=attempt.metered_seconds == attempt.used_seconds,
        )
        for attempt in _settled(evidence)
    ]
    rows += [
        _row(
            f"cluster records of {usage.project_id} on {usage.partition_id}",
            Sentence(
                "{metered} s by the clock, {used} s charged",
                {"metered": usage.used_seconds, "used": usage.booked_seconds},
            ),
            is_kept=usage.used_seconds == usage.booked_seconds,
        )
        for usage in evidence.usages
    ]
    value = Sentence("{seconds} s used, {booked} s booked", _sums(used.total(), booked.values()))
    return _measured(value, rows)


def judge_refunds(evidence: Evidence) -> Measurement:
    """Hold that time lost to a dead node was given back, all of it, and nothing else was."""
    rows = []
    for attempt in _settled(evidence):
        owed = attempt.used_seconds if attempt.reason == "node_fail" else 0
        if owed or attempt.refunded_seconds:
            says = Sentence(
                "{lost} s lost, {refunded} s given back",
                {"lost": owed, "refunded": attempt.refunded_seconds},
            )
            is_kept = owed == attempt.refunded_seconds
            rows.append(_row(f"attempt {attempt.key}", says, is_kept=is_kept))
    for usage in evidence.usages:
        if usage.lost_seconds or usage.given_back_seconds:
            says = Sentence(
                "{lost} s lost, {refunded} s given back",
                {"lost": usage.lost_seconds, "refunded": usage.given_back_seconds},
            )
            is_kept = usage.lost_seconds == usage.given_back_seconds
            rows.append(_row(f"cluster records of {usage.project_id}", says, is_kept=is_kept))
    given = sum(attempt.refunded_seconds for attempt in _settled(evidence))
    given += sum(usage.refunded_seconds for usage in evidence.usages)
    booked = -sum(a.balance_seconds for a in evidence.accounts if a.kind == "refunded")
    if rows or booked:
        says = Sentence(
            "attempts were given back {given} s, the ledger refunded {booked} s",
            {"given": given, "booked": booked},
        )
        rows.append(_row("ledger", says, is_kept=given == booked))
    value = (
        Sentence("{given} s given back", {"given": given}) if rows else Sentence("No node died.")
    )
    return _measured(value, rows)


def judge_residency(evidence: Evidence) -> Measurement:
    """Hold that every attempt ran where data of its class may be."""
    rows = [
        _row(
            f"attempt {attempt.key}",
            Sentence(
                "{data_class} data in {country}",
                {"data_class": attempt.data_class, "country": attempt.country},
            ),
            is_kept=_is_at_home(attempt, evidence.targets.countries),
        )
        for attempt in evidence.attempts
    ]
    return _measured(Sentence("{kept} of {all} attempts where they may be", _counts(rows)), rows)


def _is_at_home(attempt: AttemptFact, countries: frozenset[str]) -> bool:
    if attempt.data_class not in set(DataClass):
        return False
    data_class = DataClass(attempt.data_class)
    return may_be_in(data_class, attempt.country, factory_countries=countries)


def judge_energy(evidence: Evidence) -> Measurement:
    """Hold that every attempt that used something states its energy, its method and its scope."""
    methods = {method.value for method in EnergyMethod}
    rows = [
        _row(
            f"attempt {attempt.key}",
            Sentence(
                "{joules} J, {method}, scope {scope}",
                {
                    "joules": attempt.energy_joules,
                    "method": attempt.energy_method,
                    "scope": attempt.energy_scope,
                },
            ),
            is_kept=attempt.energy_method in methods and bool(attempt.energy_scope),
        )
        for attempt in _settled(evidence)
        if attempt.used_seconds
    ]
    joules = sum(attempt.energy_joules for attempt in _settled(evidence))
    measured = sum(attempt.energy_method == EnergyMethod.MEASURED for attempt in _settled(evidence))
    value = Sentence(
        "{kept} of {all} attempts, {measured} of them measured, {joules} J together",
        {**_counts(rows), "measured": measured, "joules": joules},
    )
    return _measured(value, rows, energy_joules=joules, measured=measured)


DOCUMENTS = ("card", "model", "record")


def judge_documents(evidence: Evidence) -> Measurement:
    """Hold that every finished training left its model, its card and its record."""
    rows = []
    for training in evidence.trainings:
        missing = [name for name in DOCUMENTS if name not in training.documents]
        says = (
            Sentence("without {missing}", {"missing": ", ".join(missing)})
            if missing
            else Sentence("model, card and record")
        )
        rows.append(_row(f"job {training.job_id}", says, is_kept=not missing))
    return _measured(Sentence("{kept} of {all} trainings", _counts(rows)), rows)


def judge_price(evidence: Evidence) -> Measurement:
    """Hold that no SME pays for time of the Union share."""
    rows = [
        _row(
            f"application {application.id}",
            Sentence("awarded for {cents} cents", {"cents": application.price_cents}),
            is_kept=application.price_cents == 0,
        )
        for application in evidence.applications
        if application.is_awarded
        and application.is_from_sme
        and application.access_share == "union"
    ]
    return _measured(Sentence("{kept} of {all} awards free of charge", _counts(rows)), rows)


def judge_chain(evidence: Evidence) -> Measurement:
    """Hold that no event of the audit chain was changed, removed, reordered or inserted."""
    rows = [_row(f.place, f.problem, is_kept=False) for f in evidence.chain_findings]
    if evidence.events:
        says = Sentence("{events} events recomputed", {"events": evidence.events})
        rows.append(_row("audit chain", says, is_kept=not evidence.chain_findings))
    return _measured(Sentence("{events} events", {"events": evidence.events}), rows)


def judge_site_figure(evidence: Evidence, name: str, least: Fraction) -> Measurement:
    """Compare a figure of a site meter with the least that was promised."""
    figure = evidence.site_figures.get(name)
    if figure is None:
        return Measurement(value=Sentence("No site meter is connected."))
    percent = _percent(figure)
    says = Sentence("{percent} % by the site's meters", {"percent": percent})
    return _measured(says, [_row(f"meter {name}", says, is_kept=figure >= least)])


def _by_partition(
    cycles: Iterable[CycleFact],
) -> Iterator[tuple[str, list[CycleFact]]]:
    ordered = sorted(cycles, key=lambda cycle: (cycle.partition_id, cycle.number))
    for partition_id, group in groupby(ordered, key=lambda cycle: cycle.partition_id):
        yield partition_id, list(group)


def _of_smes(
    evidence: Evidence, cycles: Iterable[CycleFact]
) -> Iterator[tuple[CycleFact, GroupFact]]:
    for cycle in cycles:
        for group in cycle.groups:
            if group.group_id == evidence.targets.sme_group_id and group.guaranteed_nodes:
                yield cycle, group


def _delivered_to_smes(
    evidence: Evidence, cycles: Iterable[CycleFact]
) -> tuple[Fraction, Fraction, bool]:
    """Return node seconds to SMEs, node seconds of all, and whether that is enough to tell."""
    delivered, capacity, slack, bound = (Fraction(0),) * 4
    for (cycle, group), (following, _) in pairwise(_of_smes(evidence, cycles)):
        if group.demand_nodes < group.guaranteed_nodes:
            continue
        elapsed = (following.at - cycle.at).total_seconds()
        seconds = Fraction(max(0.0, elapsed))
        delivered += group.running_nodes * seconds
        capacity += cycle.capacity_nodes * seconds
        # What the guarantee gives beyond the target makes up, in time, for being behind.
        above = group.guaranteed_nodes - evidence.targets.sme_share * cycle.capacity_nodes
        slack += above * seconds
        bound = max(bound, group.bound_node_seconds)
    return delivered, capacity, slack >= bound


def _relative_lag(group: GroupFact) -> Fraction:
    if not group.bound_node_seconds:
        return Fraction(0) if not group.lag_node_seconds else Fraction(10**6)
    return group.lag_node_seconds / group.bound_node_seconds


def _settled(evidence: Evidence) -> Iterator[AttemptFact]:
    return (attempt for attempt in evidence.attempts if attempt.is_settled)


def _consumed_account(attempt: AttemptFact) -> str:
    return f"consumed:{attempt.project_id}:{attempt.partition_id}:{attempt.access_share}"


def _measured(value: Sentence, rows: Iterable[EvidenceRow], **figures: int | str) -> Measurement:
    rows = tuple(rows)
    return Measurement(value=value if rows else NOTHING_YET, rows=rows, figures=figures)


def _row(record: str, says: Sentence, *, is_kept: bool) -> EvidenceRow:
    return EvidenceRow(record=record, says=says, is_kept=is_kept)


def _counts(rows: list[EvidenceRow]) -> dict[str, int]:
    return {"kept": sum(row.is_kept for row in rows), "all": len(rows)}


def _sums(used: int, booked: Iterable[int]) -> dict[str, int]:
    return {"seconds": used, "booked": sum(booked)}


def _percent(fraction: Fraction) -> str:
    return f"{float(100 * fraction):.1f}"


def _rounded(fraction: Fraction) -> str:
    return f"{float(fraction):.1f}"


def _minute(at: object) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
