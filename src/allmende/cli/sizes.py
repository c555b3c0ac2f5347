"""The resource calculator at the command line."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer

from allmende.cli.acting import acting_deed, acting_person
from allmende.cli.output import AsJson, show, to_json
from allmende.domain.basics.powers import write_power
from allmende.domain.basics.refusals import InvalidInput
from allmende.domain.basics.sentences import Sentence, quote
from allmende.domain.basics.units import kwh_from_joules
from allmende.services import sizes
from allmende.services.sizes import SizeEstimate, SizeQuestion
from allmende.wiring import now
from allmende.wiring.access_rules import load_access_rules
from allmende.wiring.blueprints import load_trainings
from allmende.wiring.factory import load_factory

LARGEST = 10**18


def estimate_size(
    blueprint: Annotated[str, typer.Option(help="A blueprint, instead of own figures.")] = "",
    parameters: Annotated[str, typer.Option(help="Of the model, such as 7e9.")] = "",
    tokens: Annotated[str, typer.Option(help="That the training sees, such as 1e12.")] = "",
    partition: Annotated[str, typer.Option(help="The machine.")] = "",
    peak: Annotated[str, typer.Option(help="10^12 operations a second of one device.")] = "",
    watts: Annotated[str, typer.Option(help="Of one device under load.")] = "",
    utilisation: Annotated[str, typer.Option(help="Per cent of the peak.")] = "30",
    devices: Annotated[int, typer.Option(min=1, max=10**6, help="At once.")] = 1,
    runs: Annotated[int, typer.Option(min=1, max=10**6, help="Such trainings.")] = 1,
    take_over: Annotated[
        str, typer.Option(metavar="APPLICATION", help="Write the figures into this draft.")
    ] = "",
    json: AsJson = False,
) -> None:
    """Work out hours, energy and worth of a training, with the marks of the AI Act."""
    question = SizeQuestion(
        blueprint_id=blueprint,
        partition_id=partition,
        parameters=_read_whole("parameters", parameters),
        tokens=_read_whole("tokens", tokens),
        runs=runs,
        devices=devices,
        utilisation_percent=_read("utilisation", utilisation) or sizes.UTILISATION_PERCENT,
        peak_teraflops=_read("peak", peak),
        watts=_read("watts", watts),
    )
    if take_over:
        sizes.take_over(acting_deed(), take_over, question, **known())
    estimate = sizes.estimate_size(acting_person(), question, **known(), now=now())
    facts = _as_facts(estimate)
    if json:
        show(facts, json=True)
        return
    del facts["marks"]
    flop = estimate.size.flop
    show({**facts, "flop": flop and write_power(flop)})
    rows = [
        {**vars(each), "flop": write_power(each.flop), "source": quote(each.source)}
        for each in estimate.marks
    ]
    show(rows, columns=("flop", "is_reached", "sentence", "source"))


def known() -> dict[str, Any]:
    """Return what the size and the marks of a training rest on."""
    return {
        "factory": load_factory(),
        "blueprints": load_trainings(),
        "rules": load_access_rules(),
    }


def _as_facts(estimate: SizeEstimate) -> dict[str, object]:
    size = estimate.size
    joules = size.energy_joules
    return {
        "flop": size.flop,
        "device_hours": f"{size.device_hours.normalize():f}",
        "unit": estimate.unit.hours_name,
        "hours_each": f"{size.hours_each.normalize():f}",
        "is_upper_bound": size.is_upper_bound,
        "energy_kwh": None if joules is None else str(kwh_from_joules(joules).normalize()),
        "energy_method": size.energy_method,
        "cost_euros": f"{estimate.cost_cents / 100:.2f}",
        "price_source": estimate.price.source,
        "marks": [to_json(mark) for mark in estimate.marks],
    }


def _read(name: str, text: str) -> Decimal | None:
    if not text:
        return None
    try:
        number = Decimal(text.replace(",", "."))
        fits = 0 < number <= LARGEST
    except InvalidOperation:
        fits = False
    if not fits:
        raise InvalidInput(field=name, problem=Sentence("Give a number above 0, such as 7e9."))
    return number


def _read_whole(name: str, text: str) -> int | None:
    number = _read(name, text)
    return None if number is None else max(1, int(number))
