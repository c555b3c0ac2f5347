"""What a check of a job file tells: one sentence a topic for people, stable keys for programs."""

from collections.abc import Iterator, Mapping
from typing import Any

from allmende.domain.basics.sentences import Sentence
from allmende.domain.basics.sites import Site
from allmende.domain.basics.units import JOULES_PER_KWH, TimeUnit, hours_from_seconds
from allmende.domain.scheduling.explain import say_duration, say_nodes
from allmende.domain.training.blueprints import Blueprint, expect_seconds, find_blueprint
from allmende.domain.training.habits import find_foreign_variables
from allmende.domain.training.sweeps import expand_sweep
from allmende.services import forecasts, previews
from allmende.services.job_checks import JobCheck, Outlook
from allmende.services.workshop import Workshop

# Beyond both of these a time limit is odd: of what the training is expected to take, and in all.
FAR_ABOVE, LEAST_ODD_SECONDS = 20, 3600
LONG_SECONDS = 3600  # what one would not like to begin anew


def tell(outlook: Outlook, workshop: Workshop) -> dict[str, Sentence]:
    """Return by topic what a submission would mean; the portal and the command line show these."""
    found = outlook.preview
    told = {
        "start": forecasts.say_forecast(found.options[0].forecast) if found.options else None,
        "place": _say_place(outlook, workshop),
        "nodes": found.nodes_note,
        "time": _say_time(outlook),
        "budget": _say_budget(outlook),
        "money": _say_money(outlook),
        "energy": _say_energy(outlook),
        "data": _say_data(outlook),
        "environment": _say_environment(outlook, workshop),
        "checkpoints": _say_checkpoints(outlook, workshop),
        "priority": found.priority.sentence,
    }
    told["start"] = told["start"] or found.start_note
    return {topic: sentence for topic, sentence in told.items() if sentence is not None}


def list_sooner(outlook: Outlook) -> list[Sentence]:
    """Say what would start sooner."""
    return [previews.say_option(option) for option in outlook.preview.options[1:]]


def list_warnings(outlook: Outlook, workshop: Workshop) -> list[Sentence]:
    """Say what is allowed and odd, and which marks of the AI Act the model would pass."""
    blueprint = _find_blueprint(outlook, workshop)
    about = _warn_of_time(outlook, blueprint) if blueprint else iter(())
    theirs = _warn_of_variables(outlook)
    return [*_warn_of_nodes(outlook, blueprint), *about, *theirs, *outlook.preview.marks]


def as_facts(check: JobCheck, workshop: Workshop) -> dict[str, Any]:
    """Return the answer with keys that stay, for programs."""
    problems = [vars(finding) for finding in check.problems]
    if check.outlook is None:
        return {"ok": False, "problems": problems, **dict.fromkeys(FIGURES)}
    outlook = check.outlook
    found, cost = outlook.preview, outlook.cost
    first = found.options[0].forecast if found.options else None
    return {
        "ok": True,
        "problems": problems,
        "jobs": found.jobs,
        "nodes": outlook.spec.num_nodes,
        "unit": found.unit.value,
        "charge_factor": found.partition.charge_factor,
        "held_seconds": found.held_seconds,
        "most_seconds": cost.charged_seconds,
        "available_seconds": found.available_seconds,
        "left_seconds": found.left_seconds,
        "energy_joules": cost.energy and cost.energy.energy_joules,
        "energy_method": cost.energy and cost.energy.method.value,
        "price_cents_per_hour": cost.price_cents_per_hour,
        "cost_cents": cost.cents,
        "partition": found.partition.id,
        "earliest_at": first and first.earliest_at,
        "median_at": first and first.median_at,
        "latest_at": first and first.latest_at,
        "chosen_at": first and first.chosen_at,
        "data": [each.uri for each in outlook.data],
        "has_environment": outlook.has_environment,
        "told": tell(outlook, workshop),
        "sooner": list_sooner(outlook),
        "warnings": list_warnings(outlook, workshop),
    }


FIGURES = (
    "jobs", "nodes", "unit", "charge_factor", "held_seconds", "most_seconds", "available_seconds",
    "left_seconds", "energy_joules", "energy_method", "price_cents_per_hour", "cost_cents",
    "partition", "earliest_at", "median_at", "latest_at", "chosen_at", "data", "has_environment",
    "told", "sooner", "warnings",
)  # fmt: skip


def _say_place(outlook: Outlook, workshop: Workshop) -> Sentence:
    partition, choice = outlook.preview.partition, outlook.preview.choice
    facts: dict[str, Any] = {
        "partition": partition.name,
        "site": workshop.factory.get_site(partition.site_id).name,
        "country": partition.country,
    }
    if choice is None or choice.chosen is None:
        return Sentence(
            "On {partition} ({site}, {country}), where all jobs of the project run.", facts
        )
    facts["why"] = choice.chosen.sentence
    return Sentence("On {partition} ({site}, {country}). {why}", facts)


def _say_time(outlook: Outlook) -> Sentence:
    found, spec, factor = outlook.preview, outlook.spec, outlook.preview.partition.charge_factor
    nodes, unit = say_nodes(spec.num_nodes), Sentence(found.unit.hours_name)
    if found.unit is TimeUnit.GPU_SECONDS:
        nodes = Sentence("{nodes} of {factor} GPUs", {"nodes": nodes, "factor": factor})
    facts: dict[str, Any] = {
        "held": _hours(found.held_seconds),
        "unit": unit,
        "nodes": nodes,
        "limit": say_duration(found.partition.limit_attempt(spec.max_duration_seconds)),
        "grace": say_duration(found.partition.grace_seconds),
        "jobs": found.jobs,
    }
    held = Sentence("{held} {unit} are held: {nodes} for {limit}, and {grace} to stop in.", facts)
    if found.jobs > 1:
        held = Sentence(
            "{held} {unit} are held for its {jobs} jobs: for each {nodes} for {limit}, and {grace} "
            "to stop in.",
            facts,
        )
    if outlook.cost.charged_seconds == found.held_seconds:
        return held
    most = {"first": held, "most": _hours(outlook.cost.charged_seconds), "unit": unit}
    return Sentence("{first} In several attempts it takes {most} {unit} at most.", most)


def _say_budget(outlook: Outlook) -> Sentence:
    found = outlook.preview
    return Sentence(
        "{available} {unit} are left to the project here, and {left} while it is held.",
        {
            "available": _hours(found.available_seconds),
            "left": _hours(found.left_seconds),
            "unit": Sentence(found.unit.hours_name),
        },
    )


def _say_money(outlook: Outlook) -> Sentence | None:
    cost = outlook.cost
    if cost.cents is None:
        return None
    if cost.price_cents_per_hour == 0:
        return Sentence("Nothing: the project's time is free of charge.")
    facts = {
        "euros": cost.cents / 100,
        "cents": cost.price_cents_per_hour,
        "unit": Sentence(outlook.preview.unit.hours_name),
    }
    return Sentence("{euros} EUR at most, at {cents} cents per {unit}.", facts)


def _say_energy(outlook: Outlook) -> Sentence:
    energy = outlook.cost.energy
    if energy is None:
        return Sentence("Nobody has said how much power a node draws there.")
    kwh = energy.energy_joules / JOULES_PER_KWH
    amount, unit = (kwh, "kWh") if kwh >= 1 else (1000 * kwh, "Wh")
    facts = {"amount": _digits(amount), "unit": unit, "formula": energy.formula}
    return Sentence("{amount} {unit} at most, estimated: {formula}.", facts)


def _say_data(outlook: Outlook) -> Sentence | None:
    if not outlook.data:
        return None
    names = ", ".join(f"{each.uri} ({each.licence})" for each in outlook.data)
    return Sentence("It reads where they lie: {data}.", {"data": names})


def _say_environment(outlook: Outlook, workshop: Workshop) -> Sentence:
    spec, site = outlook.spec, workshop.factory.get_site(outlook.preview.partition.site_id)
    if spec.blueprint:
        facts = {"blueprint": spec.blueprint, "site": site.name}
        if site.agent:
            return Sentence(
                "That of the blueprint {blueprint}, if {site} has prepared it: that is known there "
                "alone, and the job waits until it has.",
                facts,
            )
        return Sentence("That of the blueprint {blueprint} is ready.", facts)
    if spec.setup:
        return _say_made(outlook, site)
    if spec.image:
        return Sentence("What the image has: {image}.", {"image": spec.image})
    return Sentence("What the node has; setup could make one.")


def _say_made(outlook: Outlook, site: Site) -> Sentence:
    """Say whether what `setup` makes is there, and in what it is made."""
    image = outlook.spec.image
    how = Sentence("Your setup makes it inside {image}.", {"image": image})
    facts = {"how": how if image else Sentence("Your setup makes it."), "site": site.name}
    if outlook.has_environment:
        return Sentence(
            "{how} An earlier job had it made, so nothing is to be built, unless the node has "
            "another Python.",
            facts,
        )
    if outlook.has_environment is False:
        return Sentence("{how} It will be built once, for all jobs that say the same.", facts)
    return Sentence(
        "{how} Whether an earlier job had it made is known at {site} alone; else it will be built "
        "once, for all jobs that say the same.",
        facts,
    )


def _say_checkpoints(outlook: Outlook, workshop: Workshop) -> Sentence:
    spec, blueprint = outlook.spec, _find_blueprint(outlook, workshop)
    if blueprint and blueprint.interactive:
        return Sentence(
            "None: stopped or lost, the session begins anew, with what was saved in it."
        )
    if not spec.goes_on:
        return Sentence("None: stopped or lost, it begins anew. If your code saves some, say so "
                        "with checkpoint.every.")  # fmt: skip
    limit_seconds = outlook.preview.partition.limit_attempt(spec.max_duration_seconds)
    facts = {
        "attempts": -(-spec.max_duration_seconds // limit_seconds),
        "limit": say_duration(limit_seconds),
        "kept": spec.checkpoints_kept,
    }
    if facts["attempts"] == 1:
        return Sentence("Stopped or lost, it goes on from its last; {kept} are kept.", facts)
    return Sentence(
        "It goes on from its last in up to {attempts} attempts of {limit}; {kept} are kept.", facts
    )


def _warn_of_nodes(outlook: Outlook, blueprint: Blueprint | None) -> Iterator[Sentence]:
    spec, there = outlook.spec, outlook.preview.partition.gpus_per_node
    if spec.accelerators < there and spec.accelerators_most is None:
        yield Sentence(
            "It asks for {asked} accelerators a node; a node has {there}, and all of them are "
            "charged.",
            {"asked": spec.accelerators, "there": there},
        )
    if spec.halving and outlook.preview.jobs == 1:
        yield Sentence("halving compares the jobs of a sweep or an array; this is one job.")
    if blueprint and blueprint.interactive and spec.preemptible:
        yield Sentence(
            "It may be stopped for others while somebody works in it: set preemptible: false."
        )
    needed_bytes = (blueprint and blueprint.memory_bytes) or 0
    if spec.memory_bytes and spec.memory_bytes < needed_bytes:
        yield Sentence(
            "It asks for {asked} MiB a node; with its defaults the blueprint needs {needed} MiB.",
            {"asked": spec.memory_bytes // 2**20, "needed": needed_bytes // 2**20},
        )
    if not spec.goes_on and spec.preemptible and spec.max_duration_seconds > LONG_SECONDS:
        yield Sentence(
            "It may be stopped for others and would lose up to {limit}: set checkpoint.every if "
            "your code saves checkpoints, or preemptible: false.",
            {"limit": say_duration(spec.max_duration_seconds)},
        )


def _warn_of_time(outlook: Outlook, blueprint: Blueprint) -> Iterator[Sentence]:
    limit = outlook.spec.max_duration_seconds
    expected = [expect_seconds(blueprint, each.params) for each in expand_sweep(outlook.spec)]
    known = [seconds for seconds in expected if seconds is not None]
    if not known:
        return
    facts: Mapping[str, Any] = {"limit": say_duration(limit), "needed": say_duration(max(known))}
    if limit < max(known):
        yield Sentence(
            "max_duration is {limit}; the blueprint takes about {needed} with these parameters on "
            "one core, so it may not get done.",
            facts,
        )
    elif limit > max(FAR_ABOVE * max(known), LEAST_ODD_SECONDS):
        yield Sentence(
            "max_duration is {limit}; the blueprint takes about {needed} with these parameters. A "
            "shorter limit starts sooner and holds less.",
            facts,
        )


def _warn_of_variables(outlook: Outlook) -> Iterator[Sentence]:
    for theirs, ours in find_foreign_variables(outlook.spec.run).items():
        yield Sentence(
            "run reads {theirs}, which nobody sets here; take {ours} in its place.",
            {"theirs": theirs, "ours": ours},
        )


def _find_blueprint(outlook: Outlook, workshop: Workshop) -> Blueprint | None:
    if not outlook.spec.blueprint:
        return None
    return find_blueprint(workshop.blueprints, outlook.spec.blueprint)


def _hours(seconds: int) -> float:
    return round(float(hours_from_seconds(seconds)), 3)


def _digits(number: float) -> float:
    """Return three digits that count."""
    return float(f"{number:.3g}")
